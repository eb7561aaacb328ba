"""Benchmarks: `python -m tests.benchmarks [NAME ...] [--json] [--full]`.

A benchmark is a module here with `measure(full: bool) -> Iterable[Measurement]`. Default sizes end within 8 minutes all
together; `--full` takes the sizes that the design promises. Each has a docstring whose first line says what it measures.
A benchmark that needs a database asks `database.migrated()`; one with BY_NAME = True takes long and is run only when it is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number: what it should be at least or at most (`target`), and what someone else's is (`baseline`)."""

    benchmark: str
    metric: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    target: float | None = None
    baseline: float | None = None
    baseline_name: str | None = None

    @property
    def meets_target(self) -> bool | None:
        """None where there is no target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target
