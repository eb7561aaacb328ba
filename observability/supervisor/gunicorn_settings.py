"""gunicorn on one machine: one process with threads (Dash and the ORM cost memory once), no files of its own."""

from __future__ import annotations

from pathlib import Path

worker_class = "gthread"
workers = 1
threads = 8
timeout = 60
graceful_timeout = 4
keepalive = 5
preload_app = False
accesslog = None
loglevel = "warning"
memory_folder = Path("/dev/shm")  # noqa: S108 - gunicorn makes an unnamed heartbeat file there, on no disk
worker_tmp_dir = str(memory_folder) if memory_folder.is_dir() else None
