"""Ways in which a page could get lost between a Finding and a person, each of them once a hole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from incidents.alerts import queries, services
from incidents.alerts.models import Alert
from incidents.alerts.services import findings
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation, User
from sloengine.catalog.models import Service
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.test_concurrency import together

pytestmark = pytest.mark.django_db


def at(minutes: float) -> Any:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def ana(db: None) -> User:
    acme = factories.make_organisation("acme")
    ana = factories.make_user(acme, username="ana")
    factories.make_pager(ana, acme, url="http://127.0.0.1:1/")
    factories.make_policy(acme, ana)
    return ana


@pytest.fixture
def acme(ana: User) -> Organisation:
    return factories.make_organisation("acme")


@pytest.fixture
def chat(acme: Organisation) -> Service:
    return factories.make_service(acme, slug="chat")


def pending() -> int:
    return Page.objects.filter(state=Page.State.PENDING).count()


def test_an_outage_pages_although_the_ticket_that_it_joins_was_acknowledged(
    chat: Service, acme: Organisation, ana: User
) -> None:
    """A slow drip, acknowledged at noon, must not swallow the total outage of the night."""
    factories.make_finding(chat, severity="ticket", kind="cost")
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    response.acknowledge(incident=incident, actor=permissions.of(ana, acme), now=at(1))
    assert pending() == 0
    factories.make_finding(chat, kind="outage", now=at(600))
    services.pull_findings(now=at(600))
    incident.refresh_from_db()
    assert (incident.severity, incident.state, pending()) == (2, State.OPEN, 1)
    assert incident.acknowledged_at is None
    assert "The acknowledgement ended" in " ".join(entry.sentence for entry in incident.timeline.all())


def test_what_fires_again_after_it_was_mitigated_and_quiet_pages_again(
    chat: Service, acme: Organisation, ana: User
) -> None:
    first = factories.make_finding(chat)
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    response.mitigate(incident=incident, actor=permissions.of(ana, acme), now=at(1))
    factories.clear_finding(first, now=at(2))
    services.pull_findings(now=at(2))
    factories.make_finding(chat, now=at(4))
    services.pull_findings(now=at(4))
    incident.refresh_from_db()
    assert (incident.state, pending()) == (State.OPEN, 1)


def test_late_evidence_of_what_was_just_mitigated_pages_nobody(chat: Service, acme: Organisation, ana: User) -> None:
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    response.mitigate(incident=incident, actor=permissions.of(ana, acme), now=at(1))
    factories.make_finding(chat, now=at(2))
    services.pull_findings(now=at(2))
    incident.refresh_from_db()
    assert (incident.state, pending()) == (State.MITIGATED, 0)


def test_a_finding_of_a_worker_whose_clock_is_behind_is_read_all_the_same(chat: Service, acme: Organisation) -> None:
    """Its `changed_at` lies further back than the overlap of the cursor."""
    factories.make_finding(factories.make_service(acme), now=at(30))
    services.pull_findings(now=at(30))
    late = factories.make_finding(chat, now=NOW)
    assert services.pull_findings(now=at(30)) == 1
    assert Alert.objects.get(finding=late).incident is not None
    factories.make_finding(factories.make_service(acme), now=at(60))
    services.pull_findings(now=at(60))
    factories.clear_finding(late, now=at(40))
    assert services.pull_findings(now=at(60)) == 1
    assert Alert.objects.get(finding=late).state == "cleared"


def test_a_source_that_nobody_can_read_any_more_wakes_somebody(acme: Organisation) -> None:
    factories.make_finding(None, organisation=acme, kind="blind", reason="probe cannot be read")
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    assert (incident.severity, incident.state, pending()) == (2, State.OPEN, 1)


@pytest.mark.django_db(transaction=True)
def test_each_page_is_committed_before_the_next_finding_is_read(
    chat: Service, acme: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies in the middle of a large outage has paged for what it had read."""
    factories.make_finding(chat)
    factories.make_finding(factories.make_service(acme), now=at(1))
    taken: list[int] = []
    take = services.take

    def dies_at_the_second(**given: Any) -> Alert:
        taken.append(given["finding"].pk)
        if len(taken) == 2:
            raise SystemExit
        return take(**given)

    monkeypatch.setattr(findings, "take", dies_at_the_second)
    with pytest.raises(SystemExit):
        services.pull_findings(now=at(1))
    assert (Incident.objects.count(), pending()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_an_alert_never_joins_what_was_resolved_in_the_same_instant(
    chat: Service, acme: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    factories.make_finding(chat, now=at(1))
    asked, waited = queries.candidates, []

    def resolved_meanwhile(**given: Any) -> Any:
        found = asked(**given)
        waited.extend(together(lambda: _resolve_soon(incident, acme)))
        return found

    monkeypatch.setattr(queries, "candidates", resolved_meanwhile)
    services.pull_findings(now=at(1))
    assert [type(answer) for answer in waited] == [OperationalError]
    assert (Incident.objects.get().state, Incident.objects.get().alerts.count()) == (State.OPEN, 2)


def _resolve_soon(incident: Incident, acme: Organisation) -> None:
    """Somebody presses Resolve while the alert is being placed: it has to wait for its turn."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '200ms'")
        response.resolve(incident=incident, actor=permissions.system(acme), now=at(1))


@pytest.mark.django_db(transaction=True)
def test_what_fires_again_while_it_is_being_resolved_stays_open(chat: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = factories.make_finding(chat)
    services.pull_findings(now=NOW)
    factories.clear_finding(first, now=at(1))
    services.pull_findings(now=at(1))
    (stale,) = queries.unsettled(now=at(6))
    factories.make_finding(chat, now=at(6))
    findings._read(at(6))  # the other worker is faster
    services.settle(incident=stale, now=at(6))
    assert Incident.objects.get().state != State.RESOLVED
