"""What a fault is: a mechanism that can be turned up and down, whom it hits, and how it begins. Pure.

A *dial* takes a level: 0 ends it, 1 is the whole of it, and where a fault comes in degrees anything between is a part. So one
mechanism begins at once, creeps up, or comes and goes, and none of the three is a script of what the metrics shall show.

    WrongTarget     whom it cannot hit: what was asked for and what there is
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from probes.simfleet.pool import Pool
from probes.simfleet.prompts import SLICES
from probes.simfleet.replica import Release

Parameters = Mapping[str, float]
Dial = Callable[[float], None]
End = Callable[[], None]
#: A fault takes these beside its own: how long it creeps up, and how long it is there and gone when it comes and goes.
TIMES: Parameters = MappingProxyType({"ramp_seconds": 180.0, "on_seconds": 150.0, "off_seconds": 45.0})
RAMP_STEPS = 6
STEP, RAMP, INTERMITTENT = "step", "ramp", "intermittent"
ONSETS = (STEP, RAMP, INTERMITTENT)


class WrongTarget(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Where:
    """`all`, `region:us-east`, `replica:1`, `slice:long`; without a name the last region, the second replica, the second slice."""

    kind: str = "all"
    which: str = ""

    def replicas(self, pool: Pool) -> list[int]:
        """Indices of the replicas that are hit."""
        known = [replica.region for replica in pool.replicas]
        if self.kind == "region":
            region = self.which or known[-1]
            if region not in known:
                raise WrongTarget(f"no region {region!r}; there are {', '.join(sorted({*known}))}")
            return [at for at, one in enumerate(known) if one == region]
        if self.kind == "replica":
            at = int(self.which) if self.which.isdigit() else min(1, len(known) - 1)
            if at >= len(known):
                raise WrongTarget(f"no replica {at}; there are 0 to {len(known) - 1}")
            return [at]
        return [*range(len(known))]

    @property
    def slice(self) -> str:
        chosen = self.which or SLICES[1]
        if chosen not in SLICES:
            raise WrongTarget(f"no slice {chosen!r}; there are {', '.join(SLICES)}")
        return chosen


@dataclass(frozen=True, slots=True)
class Fault:
    """`parameters` are defaults; start() takes others by the same names. `like`: what happened to somebody, and where it is told.

    `quiet_seconds`: how long after its beginning nobody is hurt yet (a canary that goes well). `hard`: clients feel it at once.
    A benign event has no leaf: nobody may be woken.
    """

    name: str
    title: str
    what: str
    service: str
    make: Callable[[Pool, Where, Parameters], Dial]
    parameters: Parameters
    expected_leaf: str = ""
    branch: str = "slo"  # the question that is answered yes first: slo, quality or cost
    like: str = ""
    targets: tuple[str, ...] = ("all",)
    onsets: tuple[str, ...] = (STEP,)
    quiet_seconds: float = 0.0
    hard: bool = False

    @property
    def benign(self) -> bool:
        return not self.expected_leaf

    def where(self, target: str | None) -> Where:
        """The first of its targets where none is asked for."""
        kind, _, which = (target or self.targets[0]).partition(":")
        if kind not in self.targets:
            raise WrongTarget(f"{self.name} hits {' or '.join(self.targets)}, not {kind!r}")
        return Where(kind, which)

    def start(self, pool: Pool, *, target: str | None = None, onset: str | None = None, given: Parameters) -> End:
        """Begins it, by the first of its onsets where none is asked for; calling what it gives ends it."""
        onset = onset or self.onsets[0]
        if onset not in self.onsets:
            raise WrongTarget(f"{self.name} begins by {' or '.join(self.onsets)}, not {onset!r}")
        dial, times = self.make(pool, self.where(target), given), {**TIMES, **given}
        over = False

        def turn(level: float) -> None:
            if not over:
                dial(level)

        def creep(step: int) -> None:
            turn(step / RAMP_STEPS)
            if step < RAMP_STEPS:
                pool.later(pool.now + times["ramp_seconds"] / RAMP_STEPS, lambda _at: creep(step + 1))

        def alternate(there: bool) -> None:
            if not over:
                dial(float(there))
                lasts = times["on_seconds" if there else "off_seconds"]
                pool.later(pool.now + lasts, lambda _at: alternate(not there))

        match onset:
            case "ramp":
                creep(1)
            case "intermittent":
                alternate(True)
            case _:
                turn(1.0)

        def end() -> None:
            nonlocal over
            over = True
            dial(0.0)

        return end


def fault(
    name: str,
    title: str,
    service: str,
    make: Callable[[Pool, Where, Parameters], Dial],
    what: str,
    *,
    leaf: str | None = None,
    branch: str = "slo",
    like: str = "",
    targets: tuple[str, ...] = ("all",),
    onsets: tuple[str, ...] = (STEP,),
    quiet_seconds: float = 0.0,
    hard: bool = False,
    **parameters: float,
) -> Fault:
    """`leaf`: what the tree should find; left out, the fault's own name."""
    return Fault(
        name=name,
        title=title,
        what=what,
        service=service,
        make=make,
        parameters=MappingProxyType(parameters),
        expected_leaf=name if leaf is None else leaf,
        branch=branch,
        like=like,
        targets=targets,
        onsets=onsets,
        quiet_seconds=quiet_seconds,
        hard=hard,
    )


def amendment(pool: Pool, change: Callable[[Release], Release]) -> Dial:
    """A dial that rolls another release out, one replica after another, and takes it back."""
    withdraw: End = _nothing

    def on() -> None:
        nonlocal withdraw
        withdraw = pool.rollouts.amend(change)

    return switch(on, lambda: withdraw())


def _nothing() -> None:
    return None


def switch(on: Callable[[], None], off: Callable[[], None]) -> Dial:
    """A dial of what is either there or not; turned twice to the same side it stays."""
    there = False

    def dial(level: float) -> None:
        nonlocal there
        if (level > 0) != there:
            there = level > 0
            (on if there else off)()

    return dial
