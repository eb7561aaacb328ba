"""Bytes that an objective takes a day in each tier, and what 10,000 of them take over 400 days."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import Measurement, database, slo_world

ALL, GIB = 10_000, 2.0**30
KEPT_DAYS = {"finest": 7 / 24, "five_minutes": 4.0, "hour": 400.0}
PER_DAY = {"finest": 2880, "five_minutes": 288, "hour": 24}


def measure(full: bool) -> Iterator[Measurement]:
    database.migrated()
    from django.db import connection

    objectives = ALL if full else 512
    with connection.cursor() as cursor:
        before = _sizes(cursor)
        slo_world.build(objectives=objectives, days=30 if full else 5, label="storage")
        after = _sizes(cursor)
    total = 0.0
    for tier, kept in KEPT_DAYS.items():
        day = 0.0
        for kind, what in (("rollup", "counters"), ("tally", "sums")):
            name = f"sloengine_{kind}_{tier}"
            size, rows = (now - then for now, then in zip(after[name], before[name], strict=True))
            blocks = -(-objectives // 512) if kind == "tally" else -(-(2 * objectives + objectives // 25) // 512)
            each = size / max(rows / blocks, 1) / objectives * PER_DAY[tier]
            day += each
            yield Measurement(
                benchmark="slo_storage",
                metric=f"{tier} tier, {what}, an objective and day",
                value=each,
                unit="bytes",
                better="lower",
            )
        total += day * kept * ALL
    yield Measurement(
        benchmark="slo_storage",
        metric="10,000 objectives over 400 days, all tiers and indexes",
        value=total / GIB,
        unit="GiB",
        better="lower",
        target=2.0,
    )


def _sizes(cursor: object) -> dict[str, tuple[float, float]]:
    """Bytes with indexes and TOAST, and rows, of each tier."""
    from sloengine.rollups.models import PARTITIONED

    found = {}
    for table, _ in PARTITIONED:
        cursor.execute(  # type: ignore[attr-defined]
            "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0) FROM pg_inherits WHERE inhparent = %s::regclass",
            [table],
        )
        (size,) = cursor.fetchone()  # type: ignore[attr-defined]
        cursor.execute(f"SELECT count(*) FROM {table}")  # type: ignore[attr-defined]
        found[table] = float(size), float(cursor.fetchone()[0])  # type: ignore[attr-defined]
    return found
