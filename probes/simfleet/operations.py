"""What an operator may order of a service: admit less, drain, restart, roll back, scale, switch the release, leave a region. Pure.

Each order gives a closure that says whether it is done yet, and one that takes it back. Orders change causes (places, processes, the
router), never a metric.

    CannotDo        what was ordered does not fit the fleet: a sentence
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from probes.simfleet.pool import Pool
from probes.simfleet.replica import Replica

#: How long a replica that still answers may finish what it has before its process ends.
DRAIN_SECONDS = 30.0
CHECK_SECONDS = 1.0
#: Of a replica that joins: how long it is slow, how slow, and how many requests find its prefix cache empty.
WARM_SECONDS, WARM_SLOWNESS, COLD_REQUESTS = 30.0, 1.3, 20
MOST_REPLICAS = 64


class CannotDo(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Begun:
    """`done` asks whether it is finished; `undo` is None where nothing can be taken back."""

    said: str
    done: Callable[[], bool]
    undo: Callable[[], None] | None = None


Given = Mapping[str, Any]


def admit(pool: Pool, given: Given) -> Begun:
    """limits: {tag: most requests inside}. Tags that are not named keep their limit."""
    limits = given.get("limits")
    known = {tenant.tag for tenant in pool.config.tenants}
    if not isinstance(limits, dict) or not limits or not all(_whole(one, 0, 1_000_000) for one in limits.values()):
        raise CannotDo("limits: expected {tag: how many of its requests may be inside at once}")
    if unknown := sorted(limits.keys() - known):
        raise CannotDo(f"limits: no tag {unknown[0]!r}; there are {', '.join(sorted(known))}")
    before = dict(pool.admission)
    pool.admission = {**before, **limits}

    def undo() -> None:
        pool.admission = before

    said = ", ".join(f"{tag} {limit}" for tag, limit in sorted(pool.admission.items()))
    return Begun(f"requests inside at most: {said}", lambda: True, undo)


def drain(pool: Pool, given: Given) -> Begun:
    """replica: it gets no more requests and finishes what it has."""
    replica = _replica(pool, given)
    _leave_one(pool, {replica.index})
    pool.drained.add(replica.index)
    pool.reroute()

    def undo() -> None:
        pool.drained.discard(replica.index)
        pool.reroute()

    return Begun(f"{replica.name} gets no more requests", lambda: not (replica.up and replica.engine.outstanding), undo)


def restart(pool: Pool, given: Given) -> Begun:
    """replica: drained (for 30 s at most; a hung one not at all), its process replaced, then back in the rotation."""
    replica = _replica(pool, given)
    _leave_one(pool, {replica.index})
    pool.drained.add(replica.index)
    pool.reroute()
    ordered = pool.now
    finished: list[float] = []

    def end(at: float) -> None:
        engine = replica.engine
        waits = replica.up and engine.outstanding and engine.hung_at is None and at - ordered < DRAIN_SECONDS
        if waits:
            pool.later(at + CHECK_SECONDS, end)
            return
        if replica.up:
            pool.take_down(replica.index)
        pool.later(at + pool.config.engine.restart_seconds, ready)

    def ready(at: float) -> None:
        replica.begin(pool.release, at=at, loading_seconds=0.0)
        pool.drained.discard(replica.index)
        pool.begun()
        finished.append(at)

    end(ordered)
    return Begun(f"{replica.name} restarts", lambda: bool(finished))


def roll_back(pool: Pool, given: Given) -> Begun:
    """version: a release that ran before; left out: the one before this."""
    version = given.get("version")
    target = pool.previous if version is None else pool.releases.get(str(version))
    if target is None:
        known = ", ".join(pool.releases)
        raise CannotDo(f"no release {version!r}; there are {known}" if version else "no release ran before this one")
    before = pool.release
    pool.rollouts.roll_out(target)

    def done() -> bool:
        return all(replica.release is target for replica in pool.replicas if replica.up)

    return Begun(f"{target.version} in place of {before.version}", done, lambda: pool.rollouts.roll_out(before))


def scale(pool: Pool, given: Given) -> Begun:
    """replicas: how many there shall be; they load, then serve cold. Only upwards; undo takes away what was added."""
    count = given.get("replicas")
    if not isinstance(count, int) or not _whole(count, 1, MOST_REPLICAS):
        raise CannotDo(f"replicas: found {count!r}, expected a whole number from 1 to {MOST_REPLICAS}")
    more = count - len(pool.replicas)
    if more < 0:
        raise CannotDo(f"replicas: there are {len(pool.replicas)} already; undo is what takes replicas away")
    added = (
        pool.scale_out(more, warm_seconds=WARM_SECONDS, cold_requests=COLD_REQUESTS, slow=WARM_SLOWNESS) if more else []
    )

    def undo() -> None:
        if added and pool.replicas[-len(added) :] == added:
            pool.scale_in(len(added))

    return Begun(f"{count} replicas", lambda: all(replica.up for replica in added), undo)


def fail_over(pool: Pool, given: Given) -> Begun:
    """region: none of its replicas gets requests any more."""
    region = given.get("region")
    there = {replica.index for replica in pool.replicas if replica.region == region}
    if not there:
        known = ", ".join(sorted({replica.region for replica in pool.replicas}))
        raise CannotDo(f"no replica in region {region!r}; there are {known}")
    _leave_one(pool, there)
    moved = there - pool.drained
    pool.drained |= moved
    pool.reroute()

    def undo() -> None:
        pool.drained -= moved
        pool.reroute()

    return Begun(f"{region} gets no more requests", lambda: True, undo)


#: By the names that Tailwatch gives its actions.
OPERATIONS: Mapping[str, Callable[[Pool, Given], Begun]] = MappingProxyType({
    "tighten_admission": admit,
    "drain": drain,
    "warm_restart": restart,
    "rollback": roll_back,
    "switch_variant": roll_back,
    "scale_out": scale,
    "fail_over": fail_over,
})  # fmt: skip


def _replica(pool: Pool, given: Given) -> Replica:
    name = given.get("replica")
    for replica in pool.replicas:
        if replica.name == name:
            return replica
    raise CannotDo(f"no replica {name!r}; there are {', '.join(replica.name for replica in pool.replicas)}")


def _leave_one(pool: Pool, going: set[int]) -> None:
    if not [one for one in pool.replicas if one.up and one.index not in pool.drained | going]:
        raise CannotDo("that would leave no replica")


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
