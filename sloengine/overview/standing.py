"""How many promises hold, and where least is left. Pure. None is "no data", never 0."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Promise:
    """One objective: `attained` over the range that was asked for, `left` of its own budget now; ratios, `left` below 0 when overspent."""

    service: str
    name: str
    slug: str
    title: str
    target: Decimal
    attained: float | None
    left: float | None

    @property
    def kept(self) -> bool | None:
        """Whether what was attained is what was promised: 0.9991 of 0.999 is."""
        return None if self.attained is None else self.attained >= float(self.target)


@dataclass(frozen=True, slots=True)
class ServiceStanding:
    """One service by its worst promise: `known` of its `promises` have data, `kept` hold, `spent` have no budget left."""

    service: str
    name: str
    promises: int
    known: int
    kept: int
    spent: int
    worst: Promise


@dataclass(frozen=True, slots=True)
class Overview:
    """All `promises`, those with least left first and those without data last; `services` by their worst promise."""

    promises: tuple[Promise, ...]
    services: tuple[ServiceStanding, ...]
    known: int
    kept: int
    spent: int

    @property
    def kept_ratio(self) -> float | None:
        """9,961 of 10,000 that have data: 0.9961."""
        return self.kept / self.known if self.known else None


def overview(promises: Iterable[Promise]) -> Overview:
    """The counts, every promise and every service, the worst first."""
    every = sorted(promises, key=_least)
    by_service: dict[str, list[Promise]] = defaultdict(list)
    for promise in every:
        by_service[promise.service].append(promise)
    services = [_service(rows) for rows in by_service.values()]  # in the order of their worst promises
    return Overview(
        promises=tuple(every),
        services=tuple(services),
        known=sum(one.known for one in services),
        kept=sum(one.kept for one in services),
        spent=sum(one.spent for one in services),
    )


def _service(rows: Sequence[Promise]) -> ServiceStanding:
    return ServiceStanding(
        service=rows[0].service,
        name=rows[0].name,
        promises=len(rows),
        known=sum(row.attained is not None for row in rows),
        kept=sum(row.kept is True for row in rows),
        spent=sum(row.left is not None and row.left <= 0 for row in rows),
        worst=rows[0],
    )


def _least(promise: Promise) -> tuple[bool, float, str, str]:
    """What has no data comes last: nobody knows how bad it is."""
    return promise.left is None, promise.left or 0.0, promise.service, promise.slug
