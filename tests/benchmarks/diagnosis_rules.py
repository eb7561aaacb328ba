"""Baselines of the diagnosis benchmark, from the same rollups: burn-rate alerts alone, and the threshold rules published for vLLM.

    KVCacheNearlyFull       vllm:kv_cache_usage_perc > 0.9 for 5 m
    Preemptions             increase(vllm:num_preemptions_total[5m]) > 0
    HighTTFT                histogram_quantile(0.99, rate(vllm:time_to_first_token_seconds_bucket[5m])) > 2 for 5 m
    RequestsQueue           vllm:num_requests_waiting > 10 for 2 m
    HighErrorRate           failed requests / requests over 5 m > 5 %

As in the usual rule files: looked at each minute, the first two and the fourth for each replica.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sloengine.catalog.models import Service

LOOK = timedelta(minutes=5)
EVERY = timedelta(minutes=1)


@dataclass
class Rule:
    """Fires once its condition has held for so long; `fired` has the start of each time it did."""

    name: str
    holds: Callable[[Service, datetime], bool]
    lasts: timedelta = timedelta()
    _since: datetime | None = None
    _firing: bool = False
    fired: list[datetime] = field(default_factory=list)

    def look(self, service: Service, at: datetime) -> None:
        if not self.holds(service, at):
            self._since, self._firing = None, False
            return
        self._since = self._since or at
        if not self._firing and at - self._since >= self.lasts:
            self._firing = True
            self.fired.append(at)


def rules() -> list[Rule]:
    return [
        Rule("KVCacheNearlyFull", _full, timedelta(minutes=5)),
        Rule("Preemptions", _preempted),
        Rule("HighTTFT", _late, timedelta(minutes=5)),
        Rule("RequestsQueue", _queued, timedelta(minutes=2)),
        Rule("HighErrorRate", _failing),
    ]


def looked(
    services: list[Service], *, start: datetime, end: datetime, every: timedelta = EVERY
) -> Iterator[tuple[str, Rule]]:
    """The rules of each service after all looks between two instants, with the service's name."""
    for service in services:
        mine, at = rules(), start + every
        while at <= end:
            for rule in mine:
                rule.look(service, at)
            at += every
        for rule in mine:
            yield service.slug, rule


def first(services: list[Service], *, start: datetime, end: datetime) -> tuple[float | None, list[str]]:
    """Seconds from `start` to the first rule that fires, and all that do."""
    found = [(rule.fired[0], rule.name) for _, rule in looked(services, start=start, end=end) if rule.fired]
    if not found:
        return None, []
    return (min(found)[0] - start).total_seconds(), sorted({name for _, name in found})


def _worst(service: Service, family: str, at: datetime) -> float:
    from sloengine.rollups import queries

    found = queries.gauge(service=service, family=family, start=at - EVERY, end=at, by=("replica",))
    return max((one.mean for one in found.values() if one.mean is not None), default=0.0)


def _full(service: Service, at: datetime) -> bool:
    return _worst(service, "kv_cache_ratio", at) > 0.9


def _queued(service: Service, at: datetime) -> bool:
    return _worst(service, "requests_waiting", at) > 10


def _preempted(service: Service, at: datetime) -> bool:
    from sloengine.rollups import queries

    return sum(queries.increments(service=service, family="preemptions_total", start=at - LOOK, end=at).values()) > 0


def _late(service: Service, at: datetime) -> bool:
    from sloengine.rollups import queries
    from sloengine.rollups.windows import quantile

    found = queries.histogram(service=service, family="ttft_seconds", start=at - LOOK, end=at).get(())
    p99 = quantile(found, 0.99) if found is not None else None
    return p99 is not None and p99.value > 2.0


def _failing(service: Service, at: datetime) -> bool:
    from sloengine.rollups import queries

    found = queries.increments(service=service, family="requests_total", start=at - LOOK, end=at, by=("outcome",))
    whole = sum(found.values())
    return whole > 0 and 1.0 - found.get(("ok",), 0.0) / whole > 0.05
