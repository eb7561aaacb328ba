"""A service in motion: its arrivals, its router, its replicas, its gateway. What faults change, they change here.

The router sends a request to the replica with the fewest outstanding ones. A replica whose process is gone still gets
every tenth request for as long as its failures last, as health checks with a short memory do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from probes.exposition import Page
from probes.simfleet import sglang, vllm
from probes.simfleet.config import ServiceConfig
from probes.simfleet.engine import Engine, Request
from probes.simfleet.gateway import Gateway
from probes.simfleet.gpu import Gpu, PowerCap
from probes.simfleet.traffic import BLOCK_SECONDS, Trace, Traffic

PAGES = {"vllm": vllm.Page, "sglang": sglang.Page}
DEAD_SHARE = 0.10
CROWD_SLICE = 0.5
_DRAIN_CHECK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Release:
    """What runs on a replica. quality 1.0 is the reference; speed 0.85 means steps take 0.85 of the time."""

    version: str
    quality: float = 1.0
    step_ratio: float = 1.0
    cache_dtype: str = "auto"


class Replica:
    def __init__(
        self,
        *,
        name: str,
        config: ServiceConfig,
        release: Release,
        started: float,
        seen_from: float,
        index: int,
        pool: Pool,
    ) -> None:
        self.name, self.config, self.index = name, config, index
        self.up = True
        self.outages = 0
        self.release = release
        profile = config.engine
        self.engine = Engine(
            profile=profile,
            started=started,
            noise_at=(index * 331 + len(config.name) * 37) % 1024,
            on_finish=pool.finished,
            itl_bounds=PAGES[config.speaks].INTER_TOKEN,
        )
        self.engine.timeout_seconds = config.timeout_seconds
        self.gpu = Gpu(
            host=f"node-{name}", model=profile.gpu_model, memory_mib=profile.gpu_memory_mib, seen_from=seen_from
        )
        self.begin(release, at=started, loading_seconds=profile.restart_seconds / 2)

    def begin(self, release: Release, *, at: float, loading_seconds: float = 0.0) -> None:
        """A new process: counters at zero, process_start_time_seconds and every _created moved."""
        profile = self.config.engine
        self.up = True
        self.release = release
        self.started, self.created = at, at + loading_seconds
        self.engine.reset()
        self.clock()
        self.page = PAGES[self.config.speaks](
            model=self.config.model,
            max_model_len=profile.max_model_len,
            kv_blocks=profile.kv_tokens // profile.block_size,
            block_size=profile.block_size,
            cache_dtype=release.cache_dtype,
        )
        self._cpu_at_start = self.engine.busy_seconds

    def clock(self) -> None:
        """Speed as release and clocks have it."""
        cap = self.gpu.cap
        self.engine.decode_factor = self.release.step_ratio / (cap.memory_clock_ratio if cap else 1.0)
        self.engine.prefill_factor = 1.0 / (cap.sm_clock_ratio if cap else 1.0)

    def state(self) -> vllm.State:
        engine = self.engine
        return vllm.State(
            running=engine.running,
            waiting=len(engine.waiting),
            kv_ratio=engine.kv_ratio,
            started=self.started,
            created=self.created,
            cpu_seconds=15.0 + 1.3 * (engine.busy_seconds - self._cpu_at_start),
            cache_dtype=self.release.cache_dtype,
        )

    def samples(self, at: float) -> Page:
        self.engine.sync(at)
        return self.page.samples(self.engine.counters, self.state())

    def text(self, at: float) -> str:
        self.engine.sync(at)
        return self.page.text(self.engine.counters, self.state())

    def gpu_samples(self, at: float) -> Page:
        self.engine.sync(at)
        return self.gpu.samples(
            at=at, busy_seconds=self.engine.busy_seconds, prefill_seconds=self.engine.prefill_seconds, up=self.up
        )


class Pool:
    def __init__(self, config: ServiceConfig, *, seed: int, start: float, trace: Trace | None = None) -> None:
        self.config = config
        self.now = start
        self.arrived = 0
        self.traffic = Traffic(config, seed=seed, trace=trace)
        self.release = Release(config.version)
        self.releases: dict[str, Release] = {config.version: self.release}
        tenants = [tenant.name for tenant in config.tenants]
        self.gateway = Gateway(service=config.name, model=config.model, tenants=tenants, started=start - 3600.0)
        # The fleet was already up when we first look: replicas started some hours apart.
        self.replicas = [
            Replica(
                name=f"{config.name}-{i}",
                config=config,
                release=self.release,
                started=start - 7200.0 - 600.0 * i,
                seen_from=start,
                index=i,
                pool=self,
            )
            for i in range(config.replicas)
        ]
        self._rng = random.Random(f"{seed} {config.name} router")
        self._orders: list[list[Engine]] = []
        self._turn = 0
        self._dead = False
        self._draining: set[int] = set()
        self._reroute()
        self._crowd_size = 0
        self._think_seconds = 1.0
        self._crowd: list[float] = []
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._agenda_order = 0
        block = start // BLOCK_SECONDS * BLOCK_SECONDS
        self._block_end = block + BLOCK_SECONDS
        self._pending = self.traffic.block(block, begin=start)
        self._next = 0

    # --- time

    def advance(self, to: float) -> None:
        while self.now < to:
            end = min(to, self._block_end)
            if self._crowd or self._crowd_size:
                end = min(end, self.now + CROWD_SLICE)
            if self._agenda:
                end = max(self.now, min(end, self._agenda[0][0]))
            self._play(end)
            while self._agenda and self._agenda[0][0] <= end:
                heappop(self._agenda)[2](end)
            if end >= self._block_end:
                self._pending = self.traffic.block(self._block_end)
                self._next = 0
                self._block_end += BLOCK_SECONDS

    def _play(self, end: float) -> None:
        for request in self._arrivals(end):
            self._arrive(request)
        for replica in self.replicas:
            if replica.engine.next_at <= end:
                replica.engine.run(end)
            if replica.engine.timed_out:
                self._time_out(replica)
        self.now = end

    def _arrivals(self, end: float) -> list[Request]:
        pending, first = self._pending, self._next
        last = first
        size = len(pending)
        while last < size and pending[last].arrived <= end:
            last += 1
        self._next = last
        arrivals = pending[first:last]
        if self._crowd and self._crowd[0] <= end:
            while self._crowd and self._crowd[0] <= end:
                arrivals.append(self.traffic.one(self._rng, heappop(self._crowd)))
            arrivals.sort(key=lambda request: request.arrived)
        return arrivals

    def _arrive(self, request: Request) -> None:
        self.arrived += 1
        chance = self._rng.random()
        if chance < self.config.error_share:
            self.gateway.fail("500", request.tenant)
            self._leave(request)
            return
        if (self._dead and self._rng.random() < DEAD_SHARE) or not self._orders:
            self.gateway.fail("503", request.tenant)
            self._leave(request)
            return
        at = request.arrived
        orders = self._orders
        self._turn += 1
        order = orders[self._turn % len(orders)]
        best, least = order[0], 1 << 60
        for engine in order:
            if engine.next_at <= at:
                engine.run(at)
            outstanding = engine.outstanding
            if outstanding < least:
                best, least = engine, outstanding
        if not best.submit(request):
            self.gateway.fail("429", request.tenant)
            self._leave(request)

    def finished(self, request: Request) -> None:
        self.gateway.answered.append(request)
        if request.crowd:
            self._return_to_crowd(request, request.finished)

    def _leave(self, request: Request) -> None:
        if request.crowd:
            self._return_to_crowd(request, request.arrived)

    def _return_to_crowd(self, request: Request, at: float) -> None:
        """The client thinks 0.75 to 1.25 times `think_seconds`, never less than a slice, and asks again."""
        if self._crowd_size:
            share = request.arrived * 997.0 % 1.0
            heappush(self._crowd, at + max(CROWD_SLICE, self._think_seconds * (0.75 + 0.5 * share)))

    def _time_out(self, replica: Replica) -> None:
        for request in replica.engine.timed_out:
            self.gateway.fail("408", request.tenant)
            replica.engine.counters.aborts += 1
            self._leave(request)
        replica.engine.timed_out = []

    # --- figures

    @property
    def running(self) -> int:
        return sum(replica.engine.running for replica in self.replicas)

    @property
    def waiting(self) -> int:
        return sum(len(replica.engine.waiting) for replica in self.replicas)

    def pick(self, rng: random.Random) -> Replica | None:
        """The replica the router would choose now; None for the dead one's share."""
        if self._dead and rng.random() < DEAD_SHARE:
            return None
        usable = [r for r in self.replicas if r.up and r.index not in self._draining] or [
            r for r in self.replicas if r.up
        ]
        return min(usable, key=lambda r: (r.engine.outstanding, rng.random())) if usable else None

    # --- what faults do

    def redraw(self) -> None:
        """Demand changed: draw the rest of this minute's arrivals anew."""
        self._pending = self.traffic.block(self._block_end - BLOCK_SECONDS, begin=self.now)
        self._next = 0

    def gather_crowd(self, *, size: int, think_seconds: float, ramp_seconds: float) -> None:
        """`size` clients arrive over the ramp; each asks again as soon as it has its answer and has thought."""
        self._crowd_size, self._think_seconds = size, think_seconds
        for i in range(size):
            heappush(self._crowd, self.now + ramp_seconds * (i + 0.5) / size)

    def disperse_crowd(self) -> None:
        self._crowd_size = 0
        self._crowd = []

    def throttle(self, cap: PowerCap | None) -> None:
        for replica in self.replicas:
            replica.engine.sync(self.now)
            replica.gpu.set_cap(cap, at=self.now)
            replica.clock()
            replica.engine.retime(self.now)

    def take_down(self, index: int) -> None:
        """The process dies: what it had is lost, connections are refused until it is brought back."""
        replica = self.replicas[index]
        for request in replica.engine.drop_all():
            self.gateway.fail("500", request.tenant)
            self._leave(request)
        replica.up = False
        replica.outages += 1
        self._reroute()

    def bring_back(self, index: int) -> None:
        """The process starts again; it serves after the profile's restart time."""
        replica = self.replicas[index]
        started, outage = self.now, replica.outages

        def ready(at: float) -> None:
            if not replica.up and replica.outages == outage:
                replica.begin(self.release, at=started, loading_seconds=self.config.engine.restart_seconds / 2)
                self._reroute()

        self._later(self.now + self.config.engine.restart_seconds, ready)

    def roll_out(self, release: Release) -> None:
        """One replica after another: drain, then replace its process."""
        self.release = release
        self.releases[release.version] = release
        self._roll(0, release)

    def _roll(self, index: int, release: Release) -> None:
        if release is not self.release or index >= len(self.replicas):
            return
        self._draining = {index}
        self._reroute()
        replica = self.replicas[index]

        def check(at: float) -> None:
            if release is not self.release:
                return
            if replica.engine.outstanding and replica.up:
                self._later(at + _DRAIN_CHECK_SECONDS, check)
                return
            if replica.up:
                replica.begin(release, at=at)
            self._draining = set()
            self._reroute()
            self._roll(index + 1, release)

        self._later(self.now + _DRAIN_CHECK_SECONDS, check)

    def _later(self, at: float, act: Callable[[float], None]) -> None:
        self._agenda_order += 1
        heappush(self._agenda, (at, self._agenda_order, act))

    def _reroute(self) -> None:
        live = [replica for replica in self.replicas if replica.up]
        self._dead = len(live) < len(self.replicas)
        usable = [replica.engine for replica in live if replica.index not in self._draining] or [
            replica.engine for replica in live
        ]
        self._orders = [usable[i:] + usable[:i] for i in range(len(usable))]


def quantised(release: Release) -> Release:
    """The same model in 8-bit weights and KV: steps 12 % shorter, answers worse."""
    return replace(release, version=f"{release.version}-int8", quality=0.0, step_ratio=0.88, cache_dtype="fp8")
