"""One fault played through the whole path in virtual time, and what came of it.

drill = play(fault="traffic-spike", seed=1, organisation=organisation, start=start)
drill.leaf == drill.expected_leaf
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from incidents.drills import services as drills
from incidents.drills.score import Score, score
from incidents.paging import services as paging
from incidents.response import services as response
from incidents.response.models import Incident
from observability import installation
from observability.core.models import Organisation, User
from observability.core.permissions import Actor
from observability.local_pager import LocalPager
from observability.virtual import VirtualWorld
from probes.simfleet.config import FleetConfig
from probes.simfleet.faults import BENIGN, FAULTS

WARM_UP = timedelta(minutes=25)  # a baseline for the tree's questions
LONGEST_TO_PAGE = timedelta(minutes=25)
TO_ACKNOWLEDGE = timedelta(seconds=45)  # how long the simulated responder takes
FAULT_LASTS = timedelta(minutes=12)
LONGEST_TO_RESOLVE = timedelta(minutes=50)
AFTER_BENIGN = timedelta(minutes=15)  # what a benign event could still set off once it is over

Acknowledge = Callable[[str, datetime], None]


@dataclass(frozen=True, slots=True)
class Drill:
    """What a fault led to. Seconds count from the fault's start; None: it did not happen."""

    fault: str
    seed: int
    incidents: int
    detected_after_seconds: float | None
    paged_after_seconds: float | None
    path: list[str]
    leaf: str | None
    runbook: str | None
    expected_leaf: str
    resolved_after_seconds: float | None
    #: As the Drills page scores; None of a benign event. Not in the JSON, whose fields are promised.
    score: Score | None = None

    @property
    def passed(self) -> bool:
        if not self.expected_leaf:  # a benign event: nobody may be woken
            return self.paged_after_seconds is None
        happened = None not in (self.paged_after_seconds, self.resolved_after_seconds)
        return happened and self.incidents == 1 and self.leaf == self.expected_leaf

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(replace(self, score=None)).items() if name != "score"}


def build_world(
    *, organisation: Organisation, start: datetime, seed: int, pager: LocalPager, config: FleetConfig | None = None
) -> VirtualWorld:
    """A fleet with its platform, people whose pagers end at `pager`, and nothing played yet."""
    world = VirtualWorld(organisation=organisation, start=start, seed=seed, config=config)

    def give_pager(person: User, actor: Actor, now: datetime) -> None:
        paging.add_endpoint(organisation=organisation, user=person, url=pager.url, actor=actor, now=now)

    installation.install(organisation=organisation, config=world.fleet.config, now=start, give_pager=give_pager)
    world.connect()
    return world


def play(*, fault: str, world: VirtualWorld, pager: LocalPager, seed: int, acknowledge: Acknowledge) -> Drill:
    """Warm up, break, wait for the page, acknowledge it through its link, mend, wait for the end. A benign event passes by."""
    world.advance(WARM_UP)
    began = world.now
    paged_before = len(pager.messages)
    world.fleet.start_fault(fault)
    longest = FAULT_LASTS if fault in BENIGN else LONGEST_TO_PAGE
    paged = world.advance_until(lambda: len(pager.messages) > paged_before, within=longest)
    paged_at = world.now if paged else None
    if paged:
        world.advance(TO_ACKNOWLEDGE)
        acknowledge(pager.messages[paged_before]["links"]["acknowledge"], world.now)
    world.advance(max(began + FAULT_LASTS - world.now, timedelta(minutes=2)))
    world.fleet.stop_fault(fault)
    opened = Incident.objects.filter(organisation=world.organisation, opened_at__gte=began)
    if fault in BENIGN and not paged:
        paged = world.advance_until(lambda: len(pager.messages) > paged_before, within=AFTER_BENIGN)
        paged_at = world.now if paged else None
    world.advance_until(
        lambda: (opened.exists() or fault in BENIGN) and not opened.exclude(state="resolved").exists(),
        within=LONGEST_TO_RESOLVE,
    )
    incidents = list(opened.order_by("number"))
    first = incidents[0] if incidents else None
    return Drill(
        fault=fault,
        seed=seed,
        incidents=len(incidents),
        detected_after_seconds=_seconds(began, first.detected_at if first else None),
        paged_after_seconds=_seconds(began, paged_at),
        path=list((first.diagnosis or {}).get("path", [])) if first else [],
        leaf=(first.leaf or None) if first else None,
        runbook=(first.runbook or None) if first else None,
        expected_leaf="" if fault in BENIGN else FAULTS[fault].expected_leaf,
        resolved_after_seconds=_seconds(began, first.resolved_at if first else None),
        score=None if fault in BENIGN else _score(world.organisation, FAULTS[fault].expected_leaf, began, incidents),
    )


def _score(organisation: Organisation, leaf: str, began: datetime, incidents: list[Incident]) -> Score:
    seen = drills.seen(started_at=began, incidents=incidents)
    return score(expected=drills.expected(organisation_id=organisation.pk, leaf=leaf), seen=seen)


def acknowledge(url: str, now: datetime) -> None:
    """What the button on the page behind an acknowledge link does."""
    response.acknowledge_by_link(token=urlsplit(url).path.strip("/").rpartition("/")[2], now=now)


def _seconds(began: datetime, at: datetime | None) -> float | None:
    return (at - began).total_seconds() if at is not None else None
