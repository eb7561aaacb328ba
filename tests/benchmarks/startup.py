"""How long the database of a first start takes: files, server, roles, migrations."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks import Measurement, database


def measure(full: bool) -> Iterator[Measurement]:
    began = time.perf_counter()
    database.migrated()
    yield Measurement(
        benchmark="startup",
        metric="empty to migrated database",
        value=time.perf_counter() - began,
        unit="s",
        better="lower",
        target=15.0,
    )
