"""The platform on one machine: `python manage.py up` keeps every part of Tailwatch running as its child.

- `plan`: which children there are, how long a dead one waits, in which order they stop (pure).
- `wheels`: finds server programs inside installed wheels without running the wheels' Python.
- `home`: the data directory: lock, generated secrets, short socket folder, free ports.
- `postgres`, `redis`: the embedded servers: files, roles, command lines, readiness.
- `probe_config`: the probe agent's first configuration (pure).
- `processes`: starts a program in a process group of its own that ends when we do.
- `setup`: what happens before the children start, as small functions.
- `children`: the children that run: their lines, deaths, returns and end.
- `run`: the foreground: set-up with a progress display, then the children until Ctrl-C.
- `memory`: proportional memory of a process tree.
- `beat`: Celery's scheduler in memory; `gunicorn_settings`: the web server's.
- `problems`: SetupError, a reason not to start in one sentence.

Only `beat` runs inside another program; nothing here imports Django, which runs in children of its own.
"""
