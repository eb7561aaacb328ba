"""Asking sources: what reads a row, and all due ones side by side."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from observability.core.fields import SecretUnreadableError, decrypt
from sloengine.collect.models import MetricSource
from sloengine.collect.services.asking import with_queries
from sloengine.kpis.queries import PushedSource
from sloengine.objectives.asked import Asked
from sloengine.sources.base import Historical, Reading, Source, SourceUnavailable, within
from sloengine.sources.connection import Access
from sloengine.sources.engines import Naming
from sloengine.sources.flavours import Flavour
from sloengine.sources.prometheus import FAMILIES, PrometheusSource
from sloengine.sources.recorded import registered
from sloengine.sources.scrape import ScrapeSource

log = logging.getLogger(__name__)
#: Sources that are asked at once.
READERS: Final = 16
#: Kinds that nothing remote answers for.
HERE: Final = (MetricSource.Kind.MEMORY, MetricSource.Kind.PUSHED)


@dataclass(frozen=True, slots=True)
class Due:
    """What to ask a source: its readings at these ticks, and the queries of objectives."""

    source: MetricSource
    ticks: Sequence[datetime]
    queries: Sequence[Asked] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What a source gave of the ticks it was asked for, oldest first, why it broke off where it did, and how long it took."""

    readings: tuple[Reading, ...]
    problem: str | None = None
    seconds: float = 0.0


def side_by_side(due: Sequence[Due], *, seconds: float) -> Iterator[tuple[MetricSource, Read]]:
    """Each source's readings, as they come; a source that takes longer than `seconds` breaks off. Sources in this process and its
    database are read in this thread."""
    remote = [one for one in due if one.source.kind not in HERE]
    local = [one for one in due if one.source.kind in HERE]
    if len(remote) == 1 and not local:
        remote, local = [], remote
    with ThreadPoolExecutor(max_workers=min(max(len(remote), 1), READERS)) as pool:
        asked = {pool.submit(read_all, one, seconds=seconds): one.source for one in remote}
        for one in local:
            yield one.source, read_all(one, seconds=seconds)
        for future in as_completed(asked):
            yield asked[future], future.result()


def read_all(due: Due, *, seconds: float) -> Read:
    """The readings at these ticks; what breaks is told, never raised, and touches no database."""
    began = time.monotonic()
    readings: list[Reading] = []
    problem = None
    with within(seconds):
        try:
            reader = source_for(due.source)
            try:
                for reading in _plain(reader, due.ticks):
                    readings.append(reading)
            finally:
                readings = with_queries(source=due.source, reader=reader, readings=readings, wanted=due.queries)
        except SourceUnavailable as found:
            problem = found.reason
        except Exception as found:
            log.exception("source %s", due.source.name)
            problem = f"it broke off: {found!r:.500}"
    return Read(tuple(readings), problem, time.monotonic() - began)


def _plain(reader: Source, ticks: Sequence[datetime]) -> Iterator[Reading]:
    """The readings without the queries of objectives."""
    if len(ticks) > 1 and isinstance(reader, Historical):
        yield from reader.read_range(ticks)
    else:
        yield from (reader.read(at) for at in ticks)


def source_for(metric_source: MetricSource) -> Source:
    """What reads a MetricSource; raises SourceUnavailable where it lives in another process."""
    if metric_source.kind == MetricSource.Kind.MEMORY:
        return registered(metric_source.url.removeprefix("memory:"))
    if metric_source.kind == MetricSource.Kind.PUSHED:
        return PushedSource(metric_source.organisation_id)
    if metric_source.kind == MetricSource.Kind.SCRAPE:
        return _scraped(metric_source.url)
    return _asked(_setup(metric_source))


def history_source(
    metric_source: MetricSource, *, families: Collection[str], bounds: Mapping[str, Collection[float]]
) -> Source:
    """What reads only these families of a MetricSource, and of histograms only these bounds, for a long look back. Of another
    kind than Prometheus the whole."""
    if metric_source.kind != MetricSource.Kind.PROMETHEUS:
        return source_for(metric_source)
    return _opened(_setup(metric_source), families=families, bounds=bounds)


@dataclass(frozen=True, slots=True)
class Setup:
    """All that makes one Prometheus source; `access` holds the password as it is kept."""

    url: str
    flavour: Flavour
    matchers: str
    summed: bool
    naming: Naming | None
    access: Access


def _setup(row: MetricSource) -> Setup:
    access = Access(
        username=row.username,
        password=row.password,
        bearer_file=row.bearer_file,
        ca_file=row.ca_file,
        certificate_file=row.certificate_file,
        key_file=row.key_file,
        org_id=row.org_id,
    )
    naming = Naming.load(row.naming) if row.naming is not None else None
    return Setup(row.url, Flavour(row.flavour), row.matchers, row.summed, naming, access)


@lru_cache(maxsize=64)
def _scraped(url: str) -> ScrapeSource:
    return ScrapeSource([line.strip() for line in url.splitlines() if line.strip()])


@lru_cache(maxsize=64)
def _asked(setup: Setup) -> PrometheusSource:
    return _opened(setup, families=FAMILIES, bounds={})


def _opened(setup: Setup, *, families: Collection[str], bounds: Mapping[str, Collection[float]]) -> PrometheusSource:
    try:
        password = decrypt(setup.access.password) if setup.access.password else ""
    except SecretUnreadableError as problem:
        raise SourceUnavailable(f"its password was {problem}") from None
    return PrometheusSource(
        setup.url,
        access=replace(setup.access, password=password),
        flavour=setup.flavour,
        matchers=setup.matchers,
        summed=setup.summed,
        naming=setup.naming,
        families=families,
        bounds=bounds,
    )
