"""One draw of the diagnosis benchmark: quiet, the fault, its end, in 30 virtual minutes through the whole path; what came of it.

A canary that goes well for a while before its roll-out fails is played in addition.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.benchmarks import diagnosis_rules as rules
from tests.benchmarks.diagnosis_draws import Draw
from tests.benchmarks.diagnosis_world import TUESDAY, Row, drop, open_world, server_seconds

if TYPE_CHECKING:
    from incidents.response.models import Incident
    from observability.local_pager import LocalPager
    from observability.virtual import VirtualWorld

QUIET = timedelta(minutes=4)
FAULT_LASTS = timedelta(minutes=14)
AFTER = timedelta(minutes=12)
TO_ACKNOWLEDGE = timedelta(seconds=45)
LOW = 3  # severities from here on wake nobody


def play(draw: Draw) -> Row:
    from observability.local_pager import LocalPager
    from probes.simfleet.faults import FAULTS

    fault, name = FAULTS[draw.fault], f"diagnosis_{draw.fault.replace('-', '_')}_{draw.number}"
    start = TUESDAY + timedelta(hours=draw.hour)
    with LocalPager() as pager:
        world = open_world(name, template=draw.template, start=start, seed=draw.seed, traffic=draw.traffic, pager=pager)
        played = time.process_time()
        advance(world, pager, start + QUIET)
        began = world.now
        target = None if draw.target == "all" else draw.target
        world.fleet.start_fault(draw.fault, target=target, onset=draw.onset)
        impact = began + timedelta(seconds=fault.quiet_seconds)
        advance(world, pager, impact + FAULT_LASTS)
        ended, told = world.now, diagnosed(world, service=fault.service, began=began)
        world.fleet.stop_fault(draw.fault)
        advance(world, pager, ended + AFTER)
        played = time.process_time() - played
        row = {
            **draw.as_json(),
            "expected_leaf": fault.expected_leaf,
            "expected_branch": fault.branch,
            "hard": fault.hard,
            **outcome(world, service=fault.service, began=began, impact=impact, ended=ended),
            **(told or diagnosed(world, service=fault.service, began=began) or NOTHING),
            "play_cpu_seconds": played,
            "server_cpu_seconds": server_seconds(),
        }
        world.close()
    drop_later(name)
    return row


def drop_later(name: str) -> None:
    from django.db import connection

    connection.close()
    drop(name)


def advance(world: VirtualWorld, pager: LocalPager, until: datetime) -> None:
    """Play, and answer every page through its link after 45 s, as somebody on call does."""
    from observability import drills

    answered = {message["links"]["acknowledge"] for message in pager.messages}
    waiting: list[tuple[datetime, str]] = []
    while world.now < until:
        world.advance(min(timedelta(seconds=15), until - world.now))
        for message in pager.messages:
            link = message["links"]["acknowledge"]
            if link and link not in answered:
                answered.add(link)
                waiting.append((world.now + TO_ACKNOWLEDGE, link))
        while waiting and waiting[0][0] <= world.now:
            drills.acknowledge(waiting.pop(0)[1], world.now)


def outcome(world: VirtualWorld, *, service: str, began: datetime, impact: datetime, ended: datetime) -> Row:
    from incidents.response.models import Incident
    from sloengine.catalog.models import Service

    mine = Incident.objects.filter(organisation=world.organisation)
    opened = list(mine.filter(opened_at__gte=began).select_related("service").order_by("opened_at", "pk"))
    own = [one for one in opened if one.service is not None and one.service.slug == service]
    ahead = mine.filter(opened_at__lt=began, first_paged_at__isnull=False).count()
    elsewhere = [one for one in opened if one not in own and one.first_paged_at is not None]
    burnt = _burn(world, service, impact)
    row_service = Service.objects.get(organisation=world.organisation, slug=service)
    ruled, names = rules.first([row_service], start=impact, end=ended)
    return {
        "incidents": len(opened),
        "false_pages": ahead + len(elsewhere),
        "cleared": bool(own) and all(one.state == "resolved" for one in opened),
        "burn_seconds": burnt,
        "rules_seconds": ruled,
        "rules": names,
        **_times(own[0] if own else None, impact),
    }


def _times(incident: Incident | None, impact: datetime) -> Row:
    if incident is None:
        return {"detected_seconds": None, "paged_seconds": None, "severity": None}
    return {
        "detected_seconds": (incident.detected_at - impact).total_seconds(),
        "paged_seconds": (incident.first_paged_at - impact).total_seconds() if incident.first_paged_at else None,
        "severity": incident.severity,
    }


#: Where no incident opened.
NOTHING: Row = {
    "branch": None, "leaf": None, "first_leaf": None, "ranked": [], "runbook": None, "path": [], "headline": "",
}  # fmt: skip


def diagnosed(world: VirtualWorld, *, service: str, began: datetime) -> Row:
    """What the service's first incident since then says now; nothing where there is none."""
    from incidents.response.models import Incident

    mine = Incident.objects.filter(organisation=world.organisation, opened_at__gte=began, service__slug=service)
    incident = mine.order_by("opened_at", "pk").first()
    if incident is None:
        return {}
    told = incident.diagnosis or {}
    ranked = sorted(told.get("rivals", []), key=lambda one: -one["confidence"])
    decided = incident.timeline.filter(kind="diagnosed").order_by("at", "pk").first()
    return {
        "branch": told.get("branch"),
        "leaf": incident.leaf or None,
        "first_leaf": decided.payload.get("leaf") if decided else None,
        "ranked": [incident.leaf, *(one["leaf"] for one in ranked if one["leaf"] != incident.leaf)][:3],
        "runbook": incident.runbook or None,
        "path": told.get("path", []),
        "headline": incident.headline,
    }


def _burn(world: VirtualWorld, service: str, impact: datetime) -> float | None:
    """Seconds to the first page by the two windows of a burn rate: no outage, no streak of bad minutes, no cost."""
    from sloengine.budgets.models import Finding

    found = (
        Finding.objects.filter(organisation=world.organisation, service__slug=service, kind="burn", severity="page")
        .filter(since__gte=impact)
        .exclude(fingerprint__endswith="/sustained")
        .order_by("since")
        .first()
    )
    return (found.since - impact).total_seconds() if found else None
