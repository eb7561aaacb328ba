"""Merged, two incidents are one in everything; split, one is two."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.alerts import queries as alerts
from incidents.alerts.grouping import Signal
from incidents.alerts.models import Alert
from incidents.alerts.services import pull_findings
from incidents.command import services
from incidents.command.services.joining import MergeRefused, SplitRefused
from incidents.learning.models import Postmortem
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.services import MoveRefused
from observability.core.models import Organisation, User
from observability.core.permissions import NotAllowed
from sloengine.catalog.models import Service
from tests import factories
from tests.factories import NOW
from tests.incidents.command.conftest import by

pytestmark = pytest.mark.django_db


def opened(service: Service, *, minutes: int = 0, count: int = 1) -> Incident:
    """An incident that the service's alerts have opened."""
    for _ in range(count):
        factories.make_finding(service, now=NOW + timedelta(minutes=minutes))
    pull_findings(now=NOW + timedelta(minutes=minutes))
    return Incident.objects.get(service=service)


@pytest.fixture
def two(acme: Organisation, ana: User) -> tuple[Incident, Incident]:
    """What was seen second, and what was seen first."""
    first = opened(factories.make_service(acme, slug="chat"))
    return opened(factories.make_service(acme, slug="search"), minutes=2), first


def test_the_alerts_go_over_the_paging_ends_and_both_say_so(two: tuple[Incident, Incident], ana: User) -> None:
    second, first = two
    into = services.merge(incident=second, into=first, actor=by(ana), now=NOW + timedelta(minutes=3))
    second.refresh_from_db()
    assert into.pk == first.pk
    assert (second.state, second.merged_into, second.resolved_reason) == (State.RESOLVED, first, "merged into INC-1")
    assert list(first.swallowed.all()) == [second]
    assert set(Alert.objects.values_list("incident", flat=True)) == {first.pk}
    assert not second.pages.filter(state=Page.State.PENDING).exclude(kind=Page.Kind.RESOLVED).exists()
    said = {one.timeline.get(kind="merged").sentence for one in two}
    assert said == {"INC-2 was merged into INC-1"}
    assert not Postmortem.objects.exists()


def test_the_earlier_start_and_the_worse_severity_count(two: tuple[Incident, Incident], ana: User) -> None:
    second, first = two
    Incident.objects.filter(pk=first.pk).update(severity=4)
    early = NOW - timedelta(hours=1)
    Incident.objects.filter(pk=second.pk).update(impact_started_at=early)
    into = services.merge(incident=second, into=first, actor=by(ana), now=NOW + timedelta(minutes=3))
    into.refresh_from_db()
    assert (into.impact_started_at, into.severity) == (early, 2)


def test_later_alerts_of_the_swallowed_cause_join_what_swallowed_it(two: tuple[Incident, Incident], ana: User) -> None:
    second, first = two
    services.merge(incident=second, into=first, actor=by(ana), now=NOW + timedelta(minutes=3))
    factories.make_finding(second.service, now=NOW + timedelta(minutes=4))
    pull_findings(now=NOW + timedelta(minutes=4))
    assert Incident.objects.count() == 2
    assert set(Alert.objects.values_list("incident", flat=True)) == {first.pk}


def test_a_chain_of_merges_leads_to_its_end(two: tuple[Incident, Incident], acme: Organisation, ana: User) -> None:
    second, first = two
    last = opened(factories.make_service(acme, slug="code"), minutes=3)
    now = NOW + timedelta(minutes=4)
    services.merge(incident=second, into=first, actor=by(ana), now=now)
    services.merge(incident=first, into=last, actor=by(ana), now=now)
    signal = Signal(kind="burn", urgency="page", fingerprint="f", service_id=second.service_id)
    found = alerts.candidates(organisation=acme, signal=signal, now=now)
    assert [candidate.incident_id for candidate in found] == [last.pk]


def test_it_is_over_when_the_alerts_of_both_are(two: tuple[Incident, Incident], ana: User) -> None:
    from sloengine.budgets.models import Finding

    second, first = two
    services.merge(incident=second, into=first, actor=by(ana), now=NOW + timedelta(minutes=3))
    for finding, minutes in zip(Finding.objects.order_by("pk"), (4, 6), strict=True):
        factories.clear_finding(finding, now=NOW + timedelta(minutes=minutes))
        pull_findings(now=NOW + timedelta(minutes=minutes))
    pull_findings(now=NOW + timedelta(minutes=10))
    first.refresh_from_db()
    assert first.state != State.RESOLVED
    pull_findings(now=NOW + timedelta(minutes=12))
    first.refresh_from_db()
    assert first.state == State.RESOLVED


def test_what_was_swallowed_is_not_reopened_and_nothing_swallows_itself_or_what_is_over(
    two: tuple[Incident, Incident], ana: User, vera: User
) -> None:
    second, first = two
    with pytest.raises(MergeRefused, match="into itself"):
        services.merge(incident=first, into=first, actor=by(ana), now=NOW)
    with pytest.raises(NotAllowed):
        services.merge(incident=second, into=first, actor=by(vera), now=NOW)
    services.merge(incident=second, into=first, actor=by(ana), now=NOW)
    with pytest.raises(MoveRefused, match="merged into another"):
        response.reopen(incident=second, actor=by(ana), now=NOW)
    with pytest.raises(MergeRefused, match="INC-2 is resolved"):
        services.merge(incident=first, into=second, actor=by(ana), now=NOW)


def test_a_part_takes_its_alerts_with_it_and_is_paged_for_unless_somebody_had_answered(
    acme: Organisation, ana: User
) -> None:
    whole = opened(factories.make_service(acme, slug="chat"), count=3)
    one, *_ = Alert.objects.order_by("pk").values_list("pk", flat=True)
    part = services.split(incident=whole, alerts=[one], title="Another matter", actor=by(ana), now=NOW)
    assert list(part.alerts.values_list("pk", flat=True)) == [one]
    assert (part.split_from, part.severity, part.state, part.escalation_run) == (whole, whole.severity, State.OPEN, 1)
    assert whole.alerts.count() == 2
    response.acknowledge(incident=whole, actor=by(ana), now=NOW)
    other = whole.alerts.order_by("pk").values_list("pk", flat=True)[0]
    answered = services.split(incident=whole, alerts=[other], title="A third", actor=by(ana), now=NOW)
    assert (answered.state, answered.pages.count()) == (State.ACKNOWLEDGED, 0)


def test_a_split_leaves_at_least_one_alert_and_takes_only_its_own(two: tuple[Incident, Incident], ana: User) -> None:
    second, first = two
    mine, others = first.alerts.get().pk, second.alerts.get().pk
    for chosen, said in (([mine], "leave at least one"), ([others], "belong to"), ([], "belong to")):
        with pytest.raises(SplitRefused, match=said):
            services.split(incident=first, alerts=chosen, title="x", actor=by(ana), now=NOW)
