"""`python -m observability.supervisor [--demo]`: what `manage.py up` becomes, so that Django's memory is not held here."""

from __future__ import annotations

import sys

from observability.supervisor.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
