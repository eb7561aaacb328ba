"""Days on which nothing is wrong: recorded minutes resampled under a diurnal and weekly curve, and every benign event now and then.

Nobody may be woken. What the published rules would have done on the same days is counted beside.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.benchmarks import diagnosis_rules as rules
from tests.benchmarks.diagnosis_play import advance, drop_later
from tests.benchmarks.diagnosis_world import TUESDAY, Row, open_world, server_seconds

if TYPE_CHECKING:
    from observability.virtual import VirtualWorld

DAY = timedelta(days=1)
#: Replicas' figures are kept for seven hours: the rules are looked at by then.
STRETCH = timedelta(hours=6)
RULES_EVERY = timedelta(minutes=5)
EVENT_LASTS = timedelta(minutes=25)


def template(day: int) -> str:
    return f"diagnosis_healthy_{day % 7}"


def play(day: int) -> Row:
    """The `day`-th day after Tuesday, with the benign events in another order each day, one in each three hours."""
    from observability.local_pager import LocalPager
    from probes.simfleet.faults import BENIGN

    start, name = TUESDAY + (day % 7) * DAY, f"diagnosis_healthy_day_{day}"
    rng = random.Random(f"healthy day {day}")
    order = rng.sample(sorted(BENIGN), len(BENIGN))
    with LocalPager() as pager:
        world = open_world(name, template=template(day), start=start, seed=1_000 + day, traffic="trace", pager=pager)
        played = time.process_time()
        fired: dict[str, int] = {}
        each = DAY / len(order)
        for at, event in enumerate(order):
            begins = start + each * at + timedelta(minutes=rng.uniform(5, 100))
            advance(world, pager, begins)
            world.fleet.start_fault(event)
            advance(world, pager, begins + EVENT_LASTS)
            world.fleet.stop_fault(event)
            advance(world, pager, start + each * (at + 1))
            if (world.now - start) % STRETCH == timedelta():
                _count(fired, world)
        played = time.process_time() - played
        row = {"day": day, "events": order, **_outcome(world), "rules": fired, "play_cpu_seconds": played}
        row["server_cpu_seconds"] = server_seconds()
        world.close()
    drop_later(name)
    return row


def _count(fired: dict[str, int], world: VirtualWorld) -> None:
    from sloengine.catalog.models import Service

    services = list(Service.objects.filter(organisation=world.organisation))
    for _, rule in rules.looked(services, start=world.now - STRETCH, end=world.now, every=RULES_EVERY):
        fired[rule.name] = fired.get(rule.name, 0) + len(rule.fired)


def _outcome(world: VirtualWorld) -> Row:
    from incidents.response.models import Incident
    from sloengine.budgets.models import Finding

    found = list(Incident.objects.filter(organisation=world.organisation).order_by("number"))
    burns = Finding.objects.filter(organisation=world.organisation, kind="burn", severity="page")
    return {
        "pages": sum(one.first_paged_at is not None for one in found),
        "low": sum(one.first_paged_at is None for one in found),
        "burns": burns.exclude(fingerprint__endswith="/sustained").count(),
        "what": [f"{one.opened_at:%H:%M} SEV{one.severity} {one.headline or one.title}" for one in found],
    }
