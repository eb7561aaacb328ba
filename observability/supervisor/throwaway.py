"""A PostgreSQL that lives as long as a block: drills run in it, and leave the platform's own data alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection

from observability.env import parse_database_url
from observability.supervisor import postgres, processes

NAME = "tailwatch_drill"


@contextmanager
def throwaway_database(folder: Path) -> Iterator[None]:
    """Django's default connection leads to a fresh, empty database below `folder` inside the block."""
    folder.chmod(0o711)
    server = postgres.prepare(base=folder / "pg", sockets=folder / "s", settings=postgres.UNSAFE)
    postgres.initialise(server)
    with (folder / "postgres.log").open("wb") as log:
        process = postgres.start(server, output=log)
    before = dict(connection.settings_dict)
    try:
        postgres.wait_ready(server, process)
        with psycopg.connect(server.url(role=postgres.ADMIN, database="postgres"), autocommit=True) as admin:
            postgres.create_roles(admin, passwords={})
            postgres.create_database(admin, name=NAME)
        connection.close()
        connection.settings_dict.update(parse_database_url("drill", server.url(role=postgres.OWNER, database=NAME)))
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(before)
        processes.stop(process, first=postgres.FAST_SHUTDOWN)
