from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.alerts import services
from incidents.alerts.models import Alert, AlertCursor
from incidents.diagnosis import shipped
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.response.timeline import TimelineKind
from observability.core import permissions
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def at(minutes: float) -> Any:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def acme() -> Organisation:
    return factories.make_organisation_on_call("acme")


@pytest.fixture
def chat(acme: Organisation) -> Service:
    return factories.make_service(acme, slug="chat")


def timeline(incident: Incident) -> list[str]:
    return [entry.sentence for entry in incident.timeline.all()]


def test_a_page_finding_opens_an_incident_diagnoses_it_and_pages(chat: Service) -> None:
    finding = factories.make_finding(chat)
    assert services.pull_findings(now=NOW) == 1
    incident = Incident.objects.get()
    assert (incident.service, incident.severity, incident.state) == (chat, 2, State.OPEN)
    assert (incident.title, incident.detected_at) == ("Chat: burns its budget 20 times too fast", NOW)
    assert incident.impact_started_at == at(-3)
    assert incident.leaf
    assert incident.diagnosis["leaf"] == incident.leaf
    assert Page.objects.get().incident == incident
    alert = Alert.objects.get()
    assert (alert.finding, alert.incident, alert.reason) == (
        finding,
        incident,
        "opened: nothing else is open for this service",
    )


def test_the_title_is_the_short_line_of_the_evidence(chat: Service) -> None:
    summary = f"{chat.name} is burning its first-token budget 53 times too fast"
    factories.make_finding(
        chat, reason="chat burns its budget 53 times too fast over 1 h.", evidence={"summary": summary}
    )
    services.pull_findings(now=NOW)
    assert Incident.objects.get().title == summary
    assert Alert.objects.get().title == "chat burns its budget 53 times too fast over 1 h."


def test_reading_again_changes_nothing(chat: Service) -> None:
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    before = list(Incident.objects.values()), list(Alert.objects.values()), Page.objects.count()
    AlertCursor.objects.update(position=at(-60))
    assert services.pull_findings(now=at(1)) == 0
    assert (list(Incident.objects.values()), list(Alert.objects.values()), Page.objects.count()) == before


def test_one_cause_one_incident(chat: Service) -> None:
    for kind in ("burn", "burn", "outage", "shift"):
        factories.make_finding(chat, kind=kind)
    assert services.pull_findings(now=NOW) == 4
    incident = Incident.objects.get()
    assert incident.alerts.count() == 4
    assert Page.objects.count() == 1
    assert any("joined: same service, INC-1 still open" in line for line in timeline(incident))


def test_services_and_organisations_have_their_own(acme: Organisation, chat: Service) -> None:
    other = factories.make_organisation("other")
    for service in (chat, factories.make_service(acme), factories.make_service(other)):
        factories.make_finding(service)
    services.pull_findings(now=NOW)
    assert sorted(Incident.objects.values_list("organisation__slug", "number")) == [
        ("acme", 1),
        ("acme", 2),
        ("other", 1),
    ]


def test_a_late_alert_of_the_same_cause_joins_and_makes_it_worse(chat: Service) -> None:
    factories.make_finding(chat, severity="ticket", kind="burn")
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    first = Page.objects.count()
    factories.make_finding(chat, severity="page", now=at(1))
    services.pull_findings(now=at(1))
    incident.refresh_from_db()
    assert incident.severity == 2
    assert Page.objects.count() == max(first, 1)
    assert Incident.objects.count() == 1


def test_a_finding_that_becomes_worse_makes_its_incident_worse(chat: Service) -> None:
    finding = factories.make_finding(chat, severity="ticket")
    services.pull_findings(now=NOW)
    finding.severity, finding.changed_at = "page", at(1)
    finding.save()
    services.pull_findings(now=at(1))
    assert Incident.objects.get().severity == 2
    assert Page.objects.count() == 1


def test_information_opens_nothing_but_joins_what_is_open(chat: Service) -> None:
    factories.make_finding(chat, kind="kpi", severity="info")
    services.pull_findings(now=NOW)
    assert (Incident.objects.count(), Alert.objects.get().reason) == (0, "kept: information opens no incident")
    factories.make_finding(chat, now=at(1))
    factories.make_finding(chat, kind="kpi", severity="info", now=at(1))
    services.pull_findings(now=at(1))
    assert Incident.objects.get().alerts.count() == 2


def test_a_blind_source_opens_its_own_low_incident_and_touches_no_other(acme: Organisation, chat: Service) -> None:
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    blind = factories.make_finding(
        None, organisation=acme, kind="blind", severity="ticket", reason="prometheus does not answer", now=at(1)
    )
    services.pull_findings(now=at(1))
    burning, unreadable = Incident.objects.order_by("number")
    assert (unreadable.severity, unreadable.service, unreadable.title) == (4, None, "prometheus does not answer")
    assert (unreadable.group_key, unreadable.pages.count()) == (f"blind:{blind.fingerprint}", 0)
    assert burning.alerts.count() == 1
    factories.make_finding(chat, now=at(2))
    services.pull_findings(now=at(2))
    assert (burning.alerts.count(), unreadable.alerts.count()) == (2, 1)


def test_it_resolves_when_all_alerts_have_been_quiet_for_five_minutes(chat: Service) -> None:
    first, second = factories.make_finding(chat), factories.make_finding(chat)
    services.pull_findings(now=NOW)
    factories.clear_finding(first, now=at(10))
    services.pull_findings(now=at(10))
    services.pull_findings(now=at(30))
    assert Incident.objects.get().state == State.OPEN
    factories.clear_finding(second, now=at(40))
    services.pull_findings(now=at(40))
    services.pull_findings(now=at(44.9))
    assert Incident.objects.get().state == State.OPEN
    services.pull_findings(now=at(45))
    incident = Incident.objects.get()
    assert (incident.state, incident.resolved_reason) == (State.RESOLVED, "alerts cleared")
    assert (incident.mitigated_at, incident.resolved_at) == (at(40), at(45))
    assert incident.postmortem.figures["to_mitigate_seconds"] == 43 * 60


def test_quiet_counts_from_when_the_condition_ended_where_the_engine_says_so(chat: Service) -> None:
    finding = factories.make_finding(chat)
    services.pull_findings(now=NOW)
    finding.quiet_since = at(20)
    factories.clear_finding(finding, now=at(25))
    services.pull_findings(now=at(25))
    incident = Incident.objects.get()
    assert (incident.state, incident.mitigated_at, incident.resolved_at) == (State.RESOLVED, at(20), at(25))


def test_what_fires_again_within_ten_minutes_reopens_and_pages_again(chat: Service) -> None:
    factories.clear_finding(finding := factories.make_finding(chat), now=NOW)
    finding.state, finding.cleared_at = "firing", None
    finding.save()
    services.pull_findings(now=NOW)
    factories.clear_finding(finding, now=at(10))
    services.pull_findings(now=at(10))
    services.pull_findings(now=at(15))
    factories.make_finding(chat, now=at(24))
    services.pull_findings(now=at(24))
    incident = Incident.objects.get()
    assert (incident.state, incident.escalation_run) == (State.OPEN, 2)
    assert incident.timeline.filter(kind=TimelineKind.REOPENED.value).count() == 1
    assert incident.pages.filter(kind=Page.Kind.OPENED, state="pending").count() == 1


def test_after_ten_minutes_it_is_a_new_incident(chat: Service) -> None:
    finding = factories.make_finding(chat)
    services.pull_findings(now=NOW)
    factories.clear_finding(finding, now=at(10))
    services.pull_findings(now=at(10))
    services.pull_findings(now=at(15))
    factories.make_finding(chat, now=at(26))
    services.pull_findings(now=at(26))
    assert sorted(Incident.objects.values_list("number", "state")) == [(1, "resolved"), (2, "open")]


def test_alerts_join_what_was_declared_for_the_service(acme: Organisation, chat: Service) -> None:
    declared = factories.make_incident(chat)
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    assert Incident.objects.get() == declared
    assert declared.alerts.count() == 1


def test_one_that_was_resolved_by_hand_stays_so_when_its_alerts_clear(acme: Organisation, chat: Service) -> None:
    finding = factories.make_finding(chat)
    services.pull_findings(now=NOW)
    response.resolve(incident=Incident.objects.get(), actor=permissions.system(acme), now=at(1))
    factories.clear_finding(finding, now=at(2))
    services.pull_findings(now=at(2))
    services.pull_findings(now=at(8))
    incident = Incident.objects.get()
    assert (incident.resolved_at, incident.resolved_reason) == (at(1), "resolved by hand")


def test_a_finding_that_breaks_the_reading_keeps_no_other_from_being_read(
    chat: Service, acme: Organisation, caplog: pytest.LogCaptureFixture
) -> None:
    broken = factories.make_finding(chat, evidence=["no", "object"], now=at(-1))
    good = factories.make_finding(factories.make_service(acme))
    assert services.pull_findings(now=NOW) == 1
    assert Alert.objects.get().finding == good
    assert "could not be taken" in caplog.text
    broken.evidence = {}
    broken.save()
    assert services.pull_findings(now=at(60)) == 1
    assert Alert.objects.count() == 2


@pytest.fixture
def broken_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The installation's decision tree cannot be read."""
    file = tmp_path / "tree.yaml"
    file.write_text("no: tree", encoding="utf-8")
    monkeypatch.setattr(shipped, "FILES", (file,))
    shipped.tree.cache_clear()
    yield
    shipped.tree.cache_clear()


@pytest.mark.usefixtures("broken_tree")
def test_a_failing_diagnosis_does_not_stop_the_page(chat: Service) -> None:
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    assert incident.pages.count() == 1
    assert any(line.startswith("No diagnosis: ") for line in timeline(incident))


def test_what_the_diagnosis_finds_worth_a_page_later_is_paged_for_then(chat: Service) -> None:
    factories.make_finding(chat, kind="shift", severity="ticket")
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    incident.diagnosis = {**incident.diagnosis, "page": True, "severity": 3, "title": "Runaway tenant"}
    incident.save()
    services.pull_findings(now=at(1))
    incident.refresh_from_db()
    assert (incident.severity, incident.pages.count()) == (3, 1)
    services.pull_findings(now=at(2))
    assert incident.pages.count() == 1


def test_a_quiet_beat_costs_one_query(chat: Service, acme: Organisation) -> None:
    for minute in range(3):
        finding = factories.make_finding(chat, now=at(minute))
        services.pull_findings(now=at(minute))
        factories.clear_finding(finding, now=at(minute + 0.5))
        services.pull_findings(now=at(minute + 0.5))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        services.pull_findings(now=at(3))
    assert len(queries) == 1
