"""Fifty thousand requests a second for ten seconds: the share within 300 ms that is printed against what the simulator knows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from probes.simfleet.config import EngineProfile, FleetConfig, Lengths, PrefixCache, ServiceConfig, Tenant
from tests.benchmarks import database
from tests.benchmarks.diagnosis_world import TUESDAY, Row

PER_SECOND, SECONDS = 50_000, 10.0
BOUND = 0.3
START = TUESDAY + timedelta(hours=9)


def config() -> FleetConfig:
    """Short answers (a label each) from forty replicas with room for many; nobody asks beside the burst."""
    engine = EngineProfile(max_num_seqs=512, chunk_tokens=16_384, prefill_tokens_per_second=400_000.0, max_queued=4_096)
    service = ServiceConfig(
        name="chat", model="labeller-1b", version="1", replicas=40, requests_per_second=1e-6,
        context=Lengths(median=24, sigma=0.3, low=8, high=64), generated=Lengths(median=4, sigma=0.5, low=2, high=16),
        prefix=PrefixCache(share=0.0, low=0.0, high=0.0, system_tokens=0), tenants=(Tenant("all", 1.0),), engine=engine,
    )  # fmt: skip
    return FleetConfig(services=(service,))


def play() -> Row:
    """What the platform prints of the window around the burst, and the truth."""
    from observability.core.services import default_organisation
    from observability.virtual import VirtualWorld
    from sloengine.catalog.models import Service
    from sloengine.rollups import queries
    from sloengine.rollups.windows import share_within

    database.migrated().new("diagnosis_burst")
    from tests.benchmarks.diagnosis_world import _use

    _use("diagnosis_burst")
    world = VirtualWorld(organisation=default_organisation(), start=START, config=config(), seed=3)
    world.connect()
    world.advance(timedelta(minutes=2))
    pool, truth = world.fleet.pool("chat"), _Truth()
    pool.clients.answered = truth.watching(pool.clients.answered)  # type: ignore[method-assign]
    pool.clients.gather(size=int(PER_SECOND * SECONDS), think_seconds=1e9, ramp_seconds=SECONDS, now=pool.now)
    began = world.now
    world.advance(timedelta(minutes=3))
    printed = queries.histogram(
        service=Service.objects.get(slug="chat"), family="e2e_seconds", start=began, end=_tick(world.now)
    )[()]
    world.close()
    return {
        "asked": int(PER_SECOND * SECONDS),
        "answered": truth.answered,
        "counted": printed.count,
        "truth": truth.within / truth.answered,
        "printed": share_within(printed, BOUND),
    }


class _Truth:
    """Counts answers by the request itself, not by any page."""

    def __init__(self) -> None:
        self.answered = self.within = 0

    def watching(self, inner: Any) -> Any:
        def answered(request: Any) -> None:
            self.answered += 1
            self.within += request.finished - request.arrived <= BOUND
            inner(request)

        return answered


def _tick(now: datetime) -> datetime:
    return now - timedelta(seconds=30)
