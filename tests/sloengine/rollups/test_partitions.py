"""Partitions are made ahead and dropped behind, by a role that owns no table."""

from __future__ import annotations

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


def test_rows_of_the_default_partition_move_into_a_new_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sloengine_rollup_finest VALUES (1, '2026-11-17 10:00:30Z', '\\x0000000000000000', '\\x00'),"
            " (1, '2026-11-17 11:00:00Z', '\\x0000000000000000', '\\x00')"
        )
        make = "SELECT tailwatch_create_partition('sloengine_rollup_finest', '2026-11-17 10:00Z', '2026-11-17 11:00Z')"
        cursor.execute(make)
        assert cursor.fetchone() == (True,)
        cursor.execute(make)
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT at, tableoid::regclass::text FROM sloengine_rollup_finest ORDER BY at")
        assert [name for _, name in cursor.fetchall()] == [
            "sloengine_rollup_finest_20261117t10",
            "sloengine_rollup_finest_default",
        ]
        cursor.execute("SELECT tailwatch_drop_partitions('sloengine_rollup_finest', '2026-11-17 11:00Z')")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM sloengine_rollup_finest")
        assert cursor.fetchone() == (1,)


def test_only_rollup_tables_are_partitioned_so() -> None:
    with connection.cursor() as cursor, pytest.raises(Exception, match="no rollup table"):
        cursor.execute("SELECT tailwatch_drop_partitions('core_user', '2026-11-17 11:00Z')")
