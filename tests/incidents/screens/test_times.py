"""MTTD, MTTA and MTTR: medians and percentiles of what each incident says of itself."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.response.models import Incident
from incidents.screens.queries import times
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(acme: Organisation) -> Service:
    return factories.make_service(acme, slug="chat")


def incident(service: Service | None, owner: Organisation, *, minutes: float | None, **given: Any) -> Incident:
    """Detected after 1 minute, paged after 2; acknowledged 1 minute later and mitigated `minutes` after the impact's start."""
    made = factories.make_incident(service, organisation=owner)
    start = NOW - timedelta(minutes=100)
    later = None if minutes is None else start + timedelta(minutes=minutes)
    fields = {
        "impact_started_at": start,
        "detected_at": start + timedelta(minutes=1),
        "first_paged_at": start + timedelta(minutes=2),
        "acknowledged_at": start + timedelta(minutes=3) if minutes is not None else None,
        "mitigated_at": later,
        "opened_at": NOW,
    }
    Incident.objects.filter(pk=made.pk).update(**{**fields, **given})
    return Incident.objects.get(pk=made.pk)


def table(owner: Organisation) -> times.Table:
    return times.table(organisation=owner, days=30, now=NOW)


def test_the_figures_are_those_of_each_incident_put_together(acme: Organisation, chat: Service) -> None:
    made = [incident(chat, acme, minutes=minutes) for minutes in (10, 20, 60, 11)]
    whole, of_chat = table(acme).real
    own = sorted(one.times.to_mitigate.total_seconds() for one in made if one.times.to_mitigate)
    assert whole.mitigate.median == of_chat.mitigate.median == median(own) == 15.5 * 60
    assert whole.mitigate.p90 == pytest.approx((20 + 0.7 * 40) * 60)
    assert (whole.detect.median, whole.acknowledge.median, whole.incidents) == (60, 60, 4)
    assert (of_chat.service, of_chat.slug) == ("Chat", "chat")


def test_what_is_not_known_counts_in_no_figure_and_answers_before_the_page_take_no_time(
    acme: Organisation, chat: Service
) -> None:
    incident(chat, acme, minutes=None)
    early = incident(chat, acme, minutes=10, acknowledged_at=NOW - timedelta(hours=3))
    whole, _ = table(acme).real
    assert (whole.incidents, whole.mitigate.known, whole.acknowledge.known) == (2, 1, 1)
    assert whole.acknowledge.median == early.times.to_acknowledge.total_seconds() == 0  # type: ignore[union-attr]


def test_nothing_known_is_no_figure(acme: Organisation, chat: Service) -> None:
    incident(chat, acme, minutes=None, impact_started_at=None, first_paged_at=None)
    whole, _ = table(acme).real
    assert (whole.detect, whole.mitigate) == (times.Spread(0, None, None), times.Spread(0, None, None))


def test_drills_simulated_services_and_what_was_merged_stand_apart(acme: Organisation, chat: Service) -> None:
    kept = incident(chat, acme, minutes=10)
    incident(chat, acme, minutes=1, drill=True)
    incident(chat, acme, minutes=2, simulated=True)
    incident(chat, acme, minutes=3, merged_into=kept)
    incident(chat, acme, minutes=4, opened_at=NOW - timedelta(days=31))
    incident(None, factories.make_organisation("other"), minutes=5)
    found = table(acme)
    assert [part[0].mitigate.median for part in (found.real, found.simulated, found.drills)] == [600, 120, 60]
    assert [part[0].incidents for part in (found.real, found.simulated, found.drills)] == [1, 1, 1]


def test_one_query_whatever_there_is(acme: Organisation, chat: Service) -> None:
    for _ in range(3):
        incident(factories.make_service(acme), acme, minutes=10)
    with CaptureQueriesContext(connection) as asked:
        table(acme)
    assert len(asked) == 1


def test_no_incident_at_all(acme: Organisation) -> None:
    assert table(acme) == times.Table((), (), (), NOW - timedelta(days=30))
