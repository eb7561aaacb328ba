"""What an objective says beside its promise: calendar, alerts, missing data, queries, parts. Pure values.

Kept as one JSON value with the objective; `dumped` and `loaded` are its two directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from pydantic import TypeAdapter

from sloengine.objectives.calendars import Calendar


class Treatment(StrEnum):
    """How slices that cannot be judged count."""

    IGNORE = "ignore"
    GOOD = "good"
    BAD = "bad"


class Via(StrEnum):
    """Who is believed. `traffic` is the engine, and for outcomes the gateway where a service has one; `http` the engine's own
    web server; `gateway` and `client` measure on the way."""

    TRAFFIC = "traffic"
    HTTP = "http"
    GATEWAY = "gateway"
    CLIENT = "client"
    CANARY = "canary"


class Combine(StrEnum):
    """How the parts of a composite become one."""

    WEIGHTED = "weighted"
    WORST = "worst"


@dataclass(frozen=True, slots=True)
class Missing:
    """`absent_after_seconds` None: nobody is told that the signal is absent. Fifteen minutes outlast a rolling restart."""

    no_data: Treatment = Treatment.IGNORE
    zero_traffic: Treatment = Treatment.IGNORE
    absent_after_seconds: int | None = 900


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """A burn alert of the objective's own: an OpenSLO AlertCondition. Fires above `factor` in both windows, for `hold_seconds`."""

    name: str
    severity: Literal["page", "ticket"]
    long_seconds: int
    short_seconds: int
    factor: float
    hold_seconds: int = 0
    inclusive: bool = False  # at its factor too, not only above


@dataclass(frozen=True, slots=True)
class Alerting:
    """`alerts` empty: the shipped table, or those of its `tiers` that are named. `enabled` False: budgets only."""

    enabled: bool = True
    alerts: tuple[BurnAlert, ...] = ()
    tiers: tuple[str, ...] = ()
    minimum_failures: float | None = None
    minimum_events: float | None = None  # fewer in the long window wake nobody


@dataclass(frozen=True, slots=True)
class Queries:
    """PromQL of one source. Either `total` with `good` or `bad`, or `raw` (a ratio of successes or failures), or `threshold`."""

    source: str = ""
    good: str = ""
    bad: str = ""
    total: str = ""
    raw: str = ""
    raw_fails: bool = False
    threshold: str = ""
    op: str = ""
    counter: bool = True

    @property
    def present(self) -> bool:
        return bool(self.total or self.raw or self.threshold)


@dataclass(frozen=True, slots=True)
class Member:
    """A part of a composite: "chat/availability" with a weight."""

    key: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    calendar: Calendar | None = None
    missing: Missing = Missing()
    alerting: Alerting = Alerting()
    via: tuple[Via, ...] = ()  # in order of preference; empty: traffic
    queries: Queries = Queries()
    members: tuple[Member, ...] = ()
    combine: Combine = Combine.WEIGHTED
    usd_per_gpu_hour: float | None = None
    kpi: str = ""  # the name under which it is pushed
    tags: tuple[str, ...] = ()
    policy: str = ""  # the error-budget policy; empty: the organisation's

    @property
    def measured(self) -> tuple[object, ...]:
        """What a change of which makes old counts mean something else."""
        return self.via, self.queries, self.usd_per_gpu_hour, self.kpi


PLAIN = Terms()
_TERMS = TypeAdapter(Terms)


def dumped(terms: Terms) -> dict[str, Any]:
    """As JSON, without what is at its default: {} for the plain objective."""
    found: dict[str, Any] = _TERMS.dump_python(terms, mode="json", exclude_defaults=True)
    return found


def loaded(data: dict[str, Any]) -> Terms:
    return _TERMS.validate_python(data) if data else PLAIN
