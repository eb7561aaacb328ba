"""What the run-time role may do, as migration operations.

Two roles: `tailwatch_owner` owns the tables and migrates; `tailwatch_app` runs. Where an installation has a single role of its
own, the operations change nothing.
"""

from __future__ import annotations

from django.db.migrations.operations import RunSQL

APP_ROLE = "tailwatch_app"


def _where_app_role_exists(*statements: str) -> str:
    body = " ".join(f"EXECUTE $grant${statement}$grant$;" for statement in statements)
    return f"DO $do$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN {body} END IF; END $do$;"


def read_and_write() -> RunSQL:
    """Let the run-time role read and write every table, those made later by the migrating role included."""
    return RunSQL(
        _where_app_role_exists(
            f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP_ROLE}",
        ),
        RunSQL.noop,
    )


def append_only(table: str) -> RunSQL:
    """Take UPDATE, DELETE and TRUNCATE on `table` from the run-time role: it can add rows, never change or remove them."""
    return RunSQL(_where_app_role_exists(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}"), RunSQL.noop)
