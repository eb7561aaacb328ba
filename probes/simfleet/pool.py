"""A service in motion: its arrivals, its router, its replicas, its gateway. What faults change, they change here.

The router sends a request to the replica with the fewest outstanding ones. A replica whose process is gone still gets
every tenth request for as long as its failures last, as health checks with a short memory do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from heapq import heappop, heappush

from probes.simfleet.clients import CROWD_SLICE, Clients
from probes.simfleet.config import ServiceConfig
from probes.simfleet.engine import NEVER, Engine
from probes.simfleet.gateway import Gateway
from probes.simfleet.gpu import PowerCap
from probes.simfleet.replica import Release, Replica
from probes.simfleet.request import Request
from probes.simfleet.rollouts import Rollouts
from probes.simfleet.traffic import BLOCK_SECONDS, Trace, Traffic

DEAD_SHARE = 0.10


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
        self.draining: set[int] = set()  # out of the router's reach until its process is replaced
        self.drained: set[int] = set()  # out of the router's reach by an operator's order
        self.admission: dict[str, int] = {}  # tag to the most of its requests that may be inside at once
        self.previous: Release | None = None
        self.rollouts = Rollouts(self)
        self.reroute()
        self.clients = Clients(traffic=self.traffic, gateway=self.gateway, rng=self._rng)
        self.failing = 0.0  # share of requests that the gateway itself cannot serve
        self.fresh = 1.0  # what retrieval finds: 1.0 the right passages, 0.0 others
        self.worn = 0.0  # quality that answers have lost without anyone having changed the release
        self._deadly = False  # whether a long prompt may kill a process
        self._hung: dict[int, float] = {}  # replica to the arrival up to which its clients have left
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
            if self.clients.active or self._hung or self._deadly:
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
        if self._hung:
            self._abandon(end)
        if self.clients.active:
            self.clients.lose_patience(end)
        self.now = end
        if self._deadly:
            self._restart_killed()

    def _arrivals(self, end: float) -> list[Request]:
        pending, first = self._pending, self._next
        last = first
        size = len(pending)
        while last < size and pending[last].arrived <= end:
            last += 1
        self._next = last
        arrivals = pending[first:last]
        if self.clients.active and (others := self.clients.due(end)):
            arrivals = sorted([*arrivals, *others], key=lambda request: request.arrived)
        return arrivals

    def _arrive(self, request: Request) -> None:
        self.arrived += 1
        chance = self._rng.random()
        if chance < self.config.error_share + self.failing:
            self._refuse("500", request)
            return
        if (self._dead and self._rng.random() < DEAD_SHARE) or not self._orders:
            self._refuse("503", request)
            return
        at = request.arrived
        if self.admission and not self._admits(request):
            self._refuse("429", request)
            return
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
        if best.failing and self._rng.random() < best.failing:
            self._refuse("500", request)
        elif best.submit(request):
            self.clients.admitted(request)
        else:
            self._refuse("429", request)

    def _refuse(self, status: str, request: Request) -> None:
        self.gateway.fail(status, request.tenant)
        self.clients.failed(request, request.arrived)

    def _admits(self, request: Request) -> bool:
        """Whether the request's tag has a place left; who has waited for longer than the timeout holds none."""
        tags = [tenant.tag for tenant in self.config.tenants]
        limit = self.admission.get(tags[request.tenant])
        if limit is None:
            return True
        since = request.arrived - self.config.timeout_seconds
        for replica in self.replicas:  # a request that ended a moment ago holds no place
            if replica.engine.next_at <= request.arrived:
                replica.engine.run(request.arrived)
        inside = (replica.engine.abandoned(since=since, before=NEVER) for replica in self.replicas)
        return sum(tags[one.tenant] == tags[request.tenant] for here in inside for one in here) < limit

    def finished(self, request: Request) -> None:
        self.clients.answered(request)

    def _time_out(self, replica: Replica) -> None:
        for request in replica.engine.timed_out:
            self.gateway.fail("408", request.tenant)
            replica.engine.counters.aborts += 1
            self.clients.failed(request, self.now)
        replica.engine.timed_out = []

    def _abandon(self, end: float) -> None:
        """Clients of a replica that hangs wait for their timeout, then leave."""
        before = end - self.config.timeout_seconds
        for index, since in self._hung.items():
            for request in self.replicas[index].engine.abandoned(since=since, before=before):
                self.gateway.fail("408", request.tenant)
                self.clients.failed(request, end)
            self._hung[index] = max(since, before)

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
        live = [r for r in self.replicas if r.up and r.index not in self.drained]
        usable = [r for r in live if r.index not in self.draining] or live
        return min(usable, key=lambda r: (r.engine.outstanding, rng.random())) if usable else None

    # --- what faults do

    def redraw(self) -> None:
        """Demand changed: draw the rest of this minute's arrivals anew."""
        self._pending = self.traffic.block(self._block_end - BLOCK_SECONDS, begin=self.now)
        self._next = 0

    def throttle(self, cap: PowerCap | None, *, only: int | None = None) -> None:
        for replica in self.replicas if only is None else [self.replicas[only]]:
            replica.engine.sync(self.now)
            replica.gpu.set_cap(cap, at=self.now)
            self.reclock(replica)

    def reclock(self, replica: Replica) -> None:
        """What makes it slow has changed."""
        replica.engine.sync(self.now)
        replica.clock()
        replica.engine.retime(self.now)

    def hang(self, index: int) -> None:
        self.replicas[index].engine.hang(self.now)
        self._hung[index] = float("-inf")

    def resume(self, index: int) -> None:
        """It goes on; whose client left is cancelled at once."""
        left = self._hung.pop(index, None)
        engine = self.replicas[index].engine
        if left is None or engine.hung_at is None:
            return
        engine.cancel(self.now, before=left)
        engine.resume(self.now)

    def scale_out(self, count: int, *, warm_seconds: float, cold_requests: int, slow: float) -> list[Replica]:
        """New replicas load, then serve cold: an empty prefix cache, and steps that take longer until all is compiled."""
        added = [self._grow(slow) for _ in range(count)]
        load = self.config.engine.restart_seconds

        def ready(at: float) -> None:
            for replica in added:
                replica.begin(self.release, at=at, loading_seconds=0.0)
                replica.engine.cold_requests = cold_requests
            self.reroute()

        def warm(at: float) -> None:
            for replica in added:
                replica.handicap = 1.0
                self.reclock(replica)

        self.later(self.now + load, ready)
        self.later(self.now + load + warm_seconds, warm)
        return added

    def _grow(self, slow: float) -> Replica:
        index = len(self.replicas)
        replica = Replica(
            name=f"{self.config.name}-{index}",
            config=self.config,
            release=self.release,
            started=self.now,
            seen_from=self.now,
            index=index,
            pool=self,
        )
        replica.up, replica.handicap = False, slow
        self.replicas.append(replica)
        return replica

    def scale_in(self, count: int) -> None:
        """The last replicas go; what they had is lost to its clients, who may ask again."""
        for replica in self.replicas[-count:]:
            for request in replica.engine.drop_all():
                self.gateway.fail("500", request.tenant)
                self.clients.failed(request, self.now)
        del self.replicas[-count:]
        self.reroute()

    def take_down(self, index: int) -> None:
        """The process dies: what it had is lost, connections are refused until it is brought back."""
        replica = self.replicas[index]
        for request in replica.engine.drop_all():
            self.gateway.fail("500", request.tenant)
            self.clients.failed(request, self.now)
        self._hung.pop(index, None)
        replica.up = False
        replica.outages += 1
        self.reroute()

    def bring_back(self, index: int) -> None:
        """The process starts again; it serves after the profile's restart time."""
        replica = self.replicas[index]
        started, outage = self.now, replica.outages

        def ready(at: float) -> None:
            if not replica.up and replica.outages == outage:
                replica.begin(self.release, at=started, loading_seconds=self.config.engine.restart_seconds / 2)
                self.begun()

        self.later(self.now + self.config.engine.restart_seconds, ready)

    def begun(self) -> None:
        """A process began: what its release shares with others, and what may kill it, has changed."""
        self._deadly = any(replica.release.deadly_prompt for replica in self.replicas)
        for replica in self.replicas:
            same = sum(other.release is replica.release for other in self.replicas)
            crowded = 1.0 + replica.release.crowding * (same - 1)
            if crowded != replica.crowded:
                replica.crowded = crowded
                self.reclock(replica)
        self.reroute()

    def _restart_killed(self) -> None:
        """The supervisor of a process that died starts it again."""
        for replica in self.replicas:
            if replica.engine.killed:
                self.take_down(replica.index)
                self.bring_back(replica.index)

    def later(self, at: float, act: Callable[[float], None]) -> None:
        self._agenda_order += 1
        heappush(self._agenda, (at, self._agenda_order, act))

    def reroute(self) -> None:
        known = [replica for replica in self.replicas if replica.index not in self.drained]
        live = [replica for replica in known if replica.up]
        self._dead = any(not replica.up and replica.outages for replica in known)
        usable = [replica.engine for replica in live if replica.index not in self.draining] or [
            replica.engine for replica in live
        ]
        self._orders = [usable[i:] + usable[:i] for i in range(len(usable))]
