"""The run's PostgreSQL is the one of the product's own supervisor: roles, grants, isolation."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from observability.supervisor import postgres
from tests.servers import Database


def test_the_application_reads_and_writes_what_the_owner_made_but_cannot_alter_it(database_server: Database) -> None:
    name = database_server.new("supervisor_roles", template="template0")
    with database_server.connect(postgres.ADMIN, name) as connection:
        postgres.grant_use(connection)
    with database_server.connect(postgres.OWNER, name) as owner:
        owner.execute("CREATE TABLE note (id bigint GENERATED ALWAYS AS IDENTITY, text text)")
    with database_server.connect(postgres.APP, name) as app:
        app.execute("INSERT INTO note (text) VALUES ('kept')")
        assert app.execute("SELECT text FROM note").fetchall() == [("kept",)]
        for forbidden in (
            "DROP TABLE note",
            "ALTER TABLE note ADD COLUMN x int",
            "TRUNCATE note",
            "CREATE TABLE other (x int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(forbidden)


def test_a_cluster_that_is_there_is_not_made_again(database_server: Database) -> None:
    assert postgres.initialise(database_server.server) is False


def test_a_database_that_is_there_is_kept(database_server: Database) -> None:
    with database_server.connect(postgres.ADMIN, "postgres") as connection:
        assert postgres.create_database(connection, name="supervisor_kept") is True
        assert postgres.create_database(connection, name="supervisor_kept") is False


def test_a_state_that_a_killed_server_left_behind_is_not_believed(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    assert not postgres.says_ready(pid_file, 7)
    pid_file.write_text("7\n/data\n1\n5432\n/s\n\n1 2\nready   \n")
    assert postgres.says_ready(pid_file, 7)
    assert not postgres.says_ready(pid_file, 8)
