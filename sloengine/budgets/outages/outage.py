"""Is a service out? Pure. Totals of a few ticks in a row, newest last, decide it.

A total outage shows in one of three ways: every request of a tick fails, every replica is down, or the metrics of a service
that had traffic vanish while their source can be read. One replica down is an outage of that replica once users notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sloengine.budgets.findings.steps import Condition


class OutageReason(StrEnum):
    ALL_FAIL = "every request fails"
    ALL_DOWN = "every replica is down"
    VANISHED = "its metrics have vanished although their source can be read"
    SERVING = "requests are answered"
    UNKNOWN = "nothing is known"


@dataclass(frozen=True, slots=True)
class ServiceTotals:
    """Counters of one service since the beginning: requests ok and counted, readings of target_up and their sum."""

    at: float  # unix seconds
    ok: float
    counted: float
    up: float
    replicas: float
    request_readings: float  # readings that held request counters
    target_readings: float

    def dump(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def load(cls, data: dict[str, Any]) -> ServiceTotals:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Outage:
    condition: Condition
    reason: OutageReason
    since: float | None  # unix seconds: the end of the last tick at which it was well


#: So many failed requests of one tick are no coincidence; over two ticks three are enough.
MANY, FEW = 10, 3
#: A replica that is down while this share of two minutes' requests fails is an outage of that replica.
PARTIAL_BAD_RATIO, PARTIAL_BAD_REQUESTS = 0.01, 5


def total_outage(history: Sequence[ServiceTotals]) -> Outage:
    """Judged on the last tick, or the last two where one holds little."""
    if len(history) < 2:
        return Outage(Condition.UNKNOWN, OutageReason.UNKNOWN, None)
    if _all_fail(history[-2], history[-1], MANY) or (len(history) > 2 and _all_fail(history[-3], history[-1], FEW)):
        return Outage(Condition.TRUE, OutageReason.ALL_FAIL, _since(history, _failing))
    if _down(history[-2], history[-1]) and (
        _traffic(history) or (len(history) > 2 and _down(history[-3], history[-2]))
    ):
        return Outage(Condition.TRUE, OutageReason.ALL_DOWN, _since(history, _down))
    if len(history) > 2 and _gone(history[-3], history[-1]):
        if _traffic(history):
            return Outage(Condition.TRUE, OutageReason.VANISHED, _since(history, _gone))
        return Outage(Condition.UNKNOWN, OutageReason.UNKNOWN, None)
    if len(history) > 2 and _failing(history[-3], history[-1]):
        # A few requests, and all of them fail: too few to wake somebody, and no sign of being well either.
        return Outage(Condition.UNKNOWN, OutageReason.UNKNOWN, None)
    if history[-1].ok > history[-2].ok or history[-1].up > history[-2].up:
        return Outage(Condition.FALSE, OutageReason.SERVING, None)
    return Outage(Condition.UNKNOWN, OutageReason.UNKNOWN, None)


def replica_outage(history: Sequence[ServiceTotals]) -> tuple[Condition, float, float, float | None]:
    """Whether some replicas are down and users feel it; failed and all requests of the last two minutes, and since when."""
    if len(history) < 3:
        return Condition.UNKNOWN, 0.0, 0.0, None
    first = history[max(0, len(history) - 5)]
    counted = history[-1].counted - first.counted
    failed = counted - (history[-1].ok - first.ok)
    some_down = all(_some_down(before, after) for before, after in zip(history[-3:-1], history[-2:], strict=True))
    felt = failed >= PARTIAL_BAD_REQUESTS and failed > PARTIAL_BAD_RATIO * counted
    if some_down and felt:
        return Condition.TRUE, failed, counted, _since(history, _some_down)
    return Condition.FALSE, failed, counted, None


def replicas_down(history: Sequence[ServiceTotals]) -> tuple[int, int]:
    """Replicas down and replicas known at the last tick: (1, 3)."""
    known = history[-1].replicas - history[-2].replicas if len(history) > 1 else 0.0
    up = history[-1].up - history[-2].up if len(history) > 1 else 0.0
    return round(known - up), round(known)


def shows_anything(history: Sequence[ServiceTotals]) -> bool:
    """Whether requests or replicas of a service were read at any of its last ticks: one scaled to zero shows nothing. One that never
    showed either, known by queries or pushed KPIs alone, cannot be seen to scale to zero: what it no longer shows is missed."""
    if len(history) < 2:
        return False
    never = history[-1].request_readings <= 0 and history[-1].target_readings <= 0
    return never or not _gone(history[0], history[-1])


def _all_fail(before: ServiceTotals, after: ServiceTotals, least: float) -> bool:
    return after.counted - before.counted >= least and after.ok <= before.ok


def _failing(before: ServiceTotals, after: ServiceTotals) -> bool:
    return after.counted > before.counted and after.ok <= before.ok


def _down(before: ServiceTotals, after: ServiceTotals) -> bool:
    return after.replicas > before.replicas and after.up <= before.up


def _some_down(before: ServiceTotals, after: ServiceTotals) -> bool:
    return after.up - before.up < after.replicas - before.replicas


def _gone(before: ServiceTotals, after: ServiceTotals) -> bool:
    return after.request_readings <= before.request_readings and after.target_readings <= before.target_readings


def _traffic(history: Sequence[ServiceTotals]) -> bool:
    return history[-1].counted > history[0].counted


def _since(history: Sequence[ServiceTotals], holds: Callable[[ServiceTotals, ServiceTotals], bool]) -> float:
    """Walk back while it holds tick by tick."""
    at = len(history) - 1
    while at > 0 and holds(history[at - 1], history[at]):
        at -= 1
    return history[at].at
