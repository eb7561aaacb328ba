"""A migrated database of this run's own, for benchmarks outside pytest."""

from __future__ import annotations

import atexit
import os
import secrets
from functools import cache

from tests import servers


@cache
def migrated() -> servers.Database:
    """Starts PostgreSQL, applies the migrations as the owner and points Django at it as the application role; once a process."""
    from observability.supervisor import postgres

    database = servers.Database.start(settings={"shared_buffers": "256MB"})
    atexit.register(database.stop)
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
    os.environ["DATABASE_URL"] = database.url(servers.TEMPLATE, role=postgres.OWNER)

    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    def migrate() -> None:
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
        connections.close_all()

    database.template(migrate)
    name = database.new("tailwatch_benchmarks")
    connections.settings["default"].update(NAME=name, USER=postgres.APP)
    os.environ["DATABASE_URL"] = database.url(name)
    return database
