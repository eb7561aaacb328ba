"""How many of a service's canary answers, slice by slice, are held against an assertion or against expected passages. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

from probes.simfleet import probing
from probes.simfleet.prompts import SLICES


@dataclass(frozen=True, slots=True)
class Judged:
    """Shares of the answers of a slice: 0.5 where every second prompt has it."""

    slice: str
    asserted: float
    retrieved: float
    checks: tuple[tuple[str, str, float], ...]  # schema or safety, what is asserted, share


@cache
def judged(service: str) -> tuple[Judged, ...]:
    """In the order of SLICES."""
    return tuple(_slice(one, service) for one in SLICES)


def _slice(name: str, service: str) -> Judged:
    mine = [one for one in probing.asked(service) if one["slice"] == name]
    kinds: Counter[tuple[str, str]] = Counter()
    for prompt in mine:
        for assertion in prompt.get("assertions", ()):
            guards = assertion.get("safety")
            kinds["safety" if guards else "schema", guards or next(iter(assertion))] += 1
    whole = max(len(mine), 1)
    return Judged(
        slice=name,
        asserted=sum("assertions" in one for one in mine) / whole,
        retrieved=sum("passages" in one for one in mine) / whole,
        checks=tuple((family, reason, count / whole) for (family, reason), count in sorted(kinds.items())),
    )
