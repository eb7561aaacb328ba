"""How long the database of a first start takes: files, server, roles, migrations. In a process of its own: nothing is there yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks import Measurement

CHILD = """
import time
from tests.benchmarks import database
began = time.perf_counter()
database.migrated()
print(time.perf_counter() - began)
"""


def measure(full: bool) -> Iterator[Measurement]:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    yield Measurement(
        benchmark="startup",
        metric="empty to migrated database",
        value=float(done.stdout.split()[-1]),
        unit="s",
        better="lower",
        target=15.0,
    )
