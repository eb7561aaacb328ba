"""What can be done about an incident, as the page and the interface say it: each action with its stand, its reason and its latest run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from incidents.actions.document import Binding
from incidents.actions.guards import Advice, Situation, Stand
from incidents.actions.kinds import CHOOSE, KINDS, WORST, Kind


@dataclass(frozen=True, slots=True)
class ReplicaSeen:
    """One replica of a service as it was in the last minute; None where nobody can tell."""

    name: str
    region: str
    up: bool
    running: float | None = None
    waiting: float | None = None
    tokens_per_second: float | None = None
    inter_token_seconds: float | None = None
    queue_seconds: float | None = None

    @property
    def stalled(self) -> bool:
        """Requests run and no token comes."""
        return self.up and bool(self.running) and self.tokens_per_second == 0

    @property
    def badness(self) -> tuple[bool, bool, float, float]:
        return self.stalled, not self.up, self.inter_token_seconds or 0.0, self.queue_seconds or 0.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """The replicas of a service. `away` are those that our own actions have taken out."""

    replicas: tuple[ReplicaSeen, ...] = ()
    away: frozenset[str] = frozenset()

    @property
    def count(self) -> int | None:
        return len(self.replicas) or None

    @property
    def out(self) -> frozenset[str]:
        return self.away | {replica.name for replica in self.replicas if not replica.up}

    @property
    def worst(self) -> str | None:
        """The replica to act on first: stalled before gone, gone before slow."""
        there = [replica for replica in self.replicas if replica.name not in self.away]
        return max(there, key=lambda replica: replica.badness).name if there else None

    def load(self, *, capacity: int | None, without: str | None) -> float | None:
        """What the others carry, as a share of what all that serve can: running and waiting of those that stay.

        4 replicas of 36 places, of which the three that stay run 54: 54 / 144 = 0.375; alone they would be at 0.5.
        """
        serving = [replica for replica in self.replicas if replica.name not in self.out or replica.name == without]
        staying = [replica for replica in serving if replica.name != without]
        if not capacity or not staying or any(replica.running is None for replica in staying):
            return None
        busy = sum((replica.running or 0.0) + (replica.waiting or 0.0) for replica in staying)
        return busy / (capacity * len(serving))


class CannotFill(ValueError):
    """A parameter has no value yet; the message says which and what is there."""


def filled(*, binding: Binding, fleet: Fleet, given: dict[str, str], previous_version: str | None) -> dict[str, Any]:
    """The parameters of a run: what the binding says, what a person chose, what is known now.

    {replica: worst} → {"replica": "chat-1"}; {replicas: "+2"} of 4 → {"replicas": 6}.
    """
    parameters = dict(binding.parameters)
    for key in ("replica", "region"):
        if key in parameters:
            parameters[key] = _chosen(key, str(parameters[key]), fleet, given.get(key, ""))
    if "replicas" in parameters:
        text = str(parameters["replicas"])
        if text.startswith("+") and fleet.count is None:
            raise CannotFill("nobody can tell how many replicas there are")
        parameters["replicas"] = (fleet.count or 0) + int(text[1:]) if text.startswith("+") else int(text)
    if binding.action == "rollback" and "version" not in parameters and previous_version:
        parameters["version"] = previous_version
    return parameters


def _chosen(key: str, wanted: str, fleet: Fleet, given: str) -> str:
    known = {replica.name if key == "replica" else replica.region for replica in fleet.replicas}
    if wanted not in {WORST, CHOOSE}:
        if given and given != wanted:
            raise CannotFill(f"the binding says {key} {wanted}, not {given}")
        return wanted
    if given:
        if given not in known:
            raise CannotFill(f"there is no {key} {given}; there are {', '.join(sorted(known)) or 'none'}")
        return given
    if key == "replica" and wanted == WORST and fleet.worst is not None:
        return fleet.worst
    raise CannotFill(f"choose a {key}; there are {', '.join(sorted(known)) or 'none'}")


@dataclass(frozen=True, slots=True)
class Offer:
    """One action for one incident."""

    kind: Kind
    stand: Stand
    reason: str
    binding: Binding | None

    @property
    def offered(self) -> bool:
        return self.stand is Stand.OFFERED

    @property
    def runnable(self) -> bool:
        """Offered, and somebody can carry it out."""
        return self.offered and self.binding is not None

    @property
    def chooses(self) -> str:
        """What a person chooses with it: replica, region or nothing."""
        if self.binding is None:
            return ""
        given = self.binding.parameters
        return next((key for key in ("replica", "region") if given.get(key) in {WORST, CHOOSE}), "")


@dataclass(frozen=True, slots=True)
class Offers:
    """All actions, and the fleet that they were judged by."""

    offers: tuple[Offer, ...]
    fleet: Fleet
    situation: Situation

    @property
    def offered(self) -> Sequence[Offer]:
        return [one for one in self.offers if one.stand is Stand.OFFERED]

    @property
    def refused(self) -> Sequence[Offer]:
        return [one for one in self.offers if one.stand is Stand.REFUSED]

    @property
    def others(self) -> Sequence[Offer]:
        return [one for one in self.offers if one.stand is Stand.NOT_HERE]

    def of(self, action: str) -> Offer | None:
        return next((one for one in self.offers if one.kind.name == action), None)


def offers(*, advice: Sequence[Advice], bindings: dict[str, Binding], fleet: Fleet, situation: Situation) -> Offers:
    found = tuple(Offer(KINDS[one.action], one.stand, one.reason, bindings.get(one.action)) for one in advice)
    return Offers(found, fleet, situation)
