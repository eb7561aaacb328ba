"""What happens every week and hurts nobody: a platform that wakes people for these is switched off."""

from __future__ import annotations

from dataclasses import replace

from probes.simfleet.faults.fault import Dial, Parameters, Where, fault, switch
from probes.simfleet.pool import Pool
from probes.simfleet.replica import Release


def _deploy(pool: Pool, _where: Where, _given: Parameters) -> Dial:
    """A release as good as the last; it stays."""

    def on() -> None:
        pool.rollouts.amend(_next)

    return switch(on, lambda: None)


def _next(release: Release) -> Release:
    return replace(release, version=f"{release.version}+1")


def _peak(pool: Pool, _where: Where, given: Parameters) -> Dial:
    demand = pool.traffic.demand

    def dial(level: float) -> None:
        demand.rate_ratio = 1.0 + (given["times"] - 1.0) * level
        pool.redraw()

    return dial


def _scale_out(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Replicas that were warmed up before they serve; afterwards they are drained and go."""
    count = int(given["replicas"])

    def on() -> None:
        pool.scale_out(count, warm_seconds=given["warm_seconds"], cold_requests=20, slow=given["slow"])

    def off() -> None:
        going = {replica.index for replica in pool.replicas[-count:]}
        pool.drained |= going
        pool.reroute()

        def gone(at: float) -> None:
            if any(replica.engine.outstanding for replica in pool.replicas[-count:] if replica.up):
                pool.later(at + 1.0, gone)
                return
            pool.drained -= going
            pool.scale_in(count)

        pool.later(pool.now + 1.0, gone)

    return switch(on, off)


def _scrape_gap(pool: Pool, where: Where, given: Parameters) -> Dial:
    """The metrics pages do not answer for a while; requests do."""

    def unseen(hidden: bool) -> None:
        for index in where.replicas(pool):
            pool.replicas[index].unseen = hidden

    def on() -> None:
        unseen(True)
        pool.later(pool.now + given["seconds"], lambda _at: unseen(False))

    return switch(on, lambda: unseen(False))


def _drain_then(pool: Pool, where: Where, given: Parameters) -> Dial:
    """One replica after another is drained, its process replaced, and stays out for `away_seconds`; nobody's request is lost."""

    def one(index: int) -> None:
        pool.drained.add(index)
        pool.reroute()
        pool.later(pool.now + 1.0, lambda at: drained(index, at))

    def drained(index: int, at: float) -> None:
        replica = pool.replicas[index]
        if replica.engine.outstanding:
            pool.later(at + 1.0, lambda later: drained(index, later))
            return
        pool.later(at + pool.config.engine.restart_seconds + given["away_seconds"], lambda then: back(index, then))

    def back(index: int, at: float) -> None:
        pool.replicas[index].begin(pool.release, at=at)
        pool.drained.discard(index)
        pool.begun()

    def on() -> None:
        for turn, index in enumerate(where.replicas(pool)):
            pool.later(pool.now + turn * given["apart_seconds"], lambda _at, index=index: one(index))  # type: ignore[misc]

    return switch(on, lambda: None)


def _warm_up(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """The prefix cache was emptied: so many requests find nothing in it."""

    def on() -> None:
        for replica in pool.replicas:
            replica.engine.cold_requests = int(given["cold_requests"])

    return switch(on, lambda: None)


def _priorities(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Priority scheduling: each so many-th request comes first, and the newest sequence makes room for it."""

    def set_to(every: int) -> None:
        for replica in pool.replicas:
            replica.engine.priority_every = every

    return switch(lambda: set_to(int(given["every"])), lambda: set_to(0))


EVENTS = (
    fault("deploy", "Deploy", "chat", _deploy, "A release as good as the last is rolled out.", leaf=""),
    fault(
        "diurnal-peak", "Busy hour", "chat", _peak, "Everyone asks half as often again, rising over ten minutes.",
        leaf="", onsets=("ramp", "step"), times=1.5, ramp_seconds=600.0,
    ),
    fault(
        "warm-scale-out", "Scale-out", "chat", _scale_out, "Two replicas join warmed up, and are drained before they go.",
        leaf="", replicas=2.0, warm_seconds=30.0, slow=1.2,
    ),
    fault(
        "scrape-gap", "Scrape gap", "chat", _scrape_gap, "The metrics pages of the engines do not answer for a while; requests do.",
        leaf="", like="vllm#34789: /health and /metrics above 200 ms while the event loop is busy", targets=("replica", "all"),
        seconds=60.0,
    ),
    fault(
        "replica-restart", "One replica restarts", "code", _drain_then, "One replica is drained and its process replaced.",
        leaf="", targets=("replica",), away_seconds=0.0, apart_seconds=0.0,
    ),
    fault(
        "cache-warm-up", "Cache warm-up", "code", _warm_up, "The prefix cache was emptied and fills again.",
        leaf="", cold_requests=150.0,
    ),
    fault(
        "maintenance", "Maintenance", "chat", _drain_then, "One replica after another is drained and away for three minutes.",
        leaf="", away_seconds=180.0, apart_seconds=300.0,
    ),
    fault(
        "preemptions", "A healthy share of preemptions", "chat", _priorities,
        "Requests with priority: 7 % of all preempt another sequence, and nobody is late.", leaf="",
        like="inference-sim#963: a healthy baseline preempts 7.4 % of its requests", every=14.0,
    ),
)  # fmt: skip
