"""A first look at a source: who answers, how fresh it is, and what of a fleet it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sloengine.collect.models import MetricSource
from sloengine.collect.overview import Overview, overview
from sloengine.collect.services.reading import source_for
from sloengine.sources.base import Reading
from sloengine.sources.engines import Naming
from sloengine.sources.flavours import Flavour
from sloengine.sources.prometheus import PrometheusSource

#: How late samples usually arrive where they are written remotely or uploaded.
LAG_SECONDS: Final = {Flavour.PROMETHEUS: 0, Flavour.THANOS: 30, Flavour.MIMIR: 30, Flavour.VICTORIAMETRICS: 30}
#: Older than so, the newest sample tells of a delay and not of a scrape interval.
STALE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Survey:
    """`engines` where the engines' own series are read, for want of a probe's; `newest_seconds` is the age of the newest sample."""

    reading: Reading
    overview: Overview
    engines: bool
    newest_seconds: float | None


def detect(source: MetricSource) -> Flavour:
    """Which server answers at the source's address; raises SourceUnavailable where its settings cannot be used."""
    reader = source_for(source)
    return reader.connection.detect() if isinstance(reader, PrometheusSource) else Flavour.PROMETHEUS


def survey(*, source: MetricSource, now: datetime, naming: Naming) -> Survey:
    """One reading of a source that need not be saved. A Prometheus that holds no probe's series is read by the engines' own, and
    `source.naming` says so afterwards. Raises SourceUnavailable."""
    reading = source_for(source).read(now)
    engines = source.kind == MetricSource.Kind.PROMETHEUS and not reading.samples
    if engines:
        source.naming = naming.dump()
        reading = source_for(source).read(now)
    reader = source_for(source)
    found = reader.found if isinstance(reader, PrometheusSource) else ()
    if engines:
        jobs = sorted({one.target.job for one in found if one.target.job})
        source.naming = {**naming.dump(), "jobs": jobs}
    by_gateway = {one.origin.service for one in found if one.kind == "gateway"}
    by_engine = frozenset(one.origin.service for one in found if one.kind == "engine") - by_gateway
    return Survey(reading, overview(reading.samples, counted_by_engine=by_engine), engines, _newest(source, now))


def lag_of(flavour: Flavour, *, newest_seconds: float | None) -> int:
    """How long ticks wait for late samples: 30 s behind Thanos, Mimir or VictoriaMetrics; 90 s where the newest sample is 75 s old."""
    usual = LAG_SECONDS[flavour]
    if newest_seconds is None or newest_seconds <= STALE_SECONDS:
        return usual
    return max(usual, min(math.ceil(newest_seconds / 15 + 1) * 15, 600))


def _newest(source: MetricSource, now: datetime) -> float | None:
    reader = source_for(source)
    if not isinstance(reader, PrometheusSource):
        return None
    rows = reader.connection.instant("min(time() - timestamp(up))", at=now).get("data", {}).get("result") or ()
    return float(rows[0]["value"][1]) if rows else None
