"""Six faults, each told to its end: one incident on the right branch, a page answered through its link, a postmortem."""

from __future__ import annotations

import pytest

from incidents.learning.models import Postmortem
from incidents.paging.models import Page
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from observability import drills
from probes.simfleet.faults import FAULTS

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]

BRANCH = {
    "traffic-spike": "slo_breach=yes",
    "long-prompt-flood": "slo_breach=yes",
    "decode-slowdown": "slo_breach=yes",
    "replica-outage": "slo_breach=yes",
    "quality-regression": "slo_breach=no",
    "runaway-tenant": "slo_breach=no",
}


def test_each_story_is_of_a_fault():
    assert set(BRANCH) <= set(FAULTS)


@pytest.mark.parametrize("fault", sorted(BRANCH))
def test_a_fault_becomes_one_diagnosed_incident_that_someone_answers_and_learns_from(
    world, pager, press_the_button, fault
):
    drill = drills.play(fault=fault, world=world, pager=pager, seed=1, acknowledge=press_the_button)

    assert (drill.incidents, drill.leaf) == (1, FAULTS[fault].expected_leaf), drill
    assert drill.path[0] == BRANCH[fault]
    assert drill.runbook == fault

    incident = Incident.objects.get()
    assert incident.service is not None
    assert incident.service.slug == FAULTS[fault].service
    assert incident.state == "resolved"
    assert incident.acknowledged_by is not None
    assert incident.acknowledged_by.username == "alice"

    told = [message["kind"] for message in pager.messages]
    assert (told[0], told[-1]) == ("opened", "resolved")
    assert pager.messages[0]["recipient"] == pager.messages[-1]["recipient"]
    assert not Page.objects.filter(state="pending").exists()

    kinds = list(TimelineEntry.objects.filter(incident=incident).order_by("at", "pk").values_list("kind", flat=True))
    story = [
        TimelineKind.OPENED,
        TimelineKind.DECIDED,
        TimelineKind.PAGED,
        TimelineKind.ACKNOWLEDGED,
        TimelineKind.RESOLVED,
    ]
    assert [kind for kind in kinds if kind in story][: len(story)] == story

    postmortem = Postmortem.objects.get(incident=incident)
    assert incident.title in postmortem.markdown
