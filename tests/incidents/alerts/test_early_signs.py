"""Signals that moved open an incident that wakes nobody; the objective that follows joins it, raises it and pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.alerts import services
from incidents.paging.models import Page
from incidents.response.models import Incident
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(db):
    return factories.make_service(factories.make_organisation_on_call("acme"), slug="chat")


def sign(service, **given):
    evidence = {"summary": "mean time to first token from 44 ms to 182 ms", "indicator": "ttft"}
    given = {"kind": "moved", "severity": "ticket", "fingerprint": "moved/chat/felt", "evidence": evidence, **given}
    return factories.make_finding(service, **given)


def test_a_moved_signal_opens_a_diagnosed_incident_of_low_severity_and_pages_nobody(chat, monkeypatch):
    sign(chat)
    services.pull_findings(now=NOW)
    incident = Incident.objects.get()
    assert (incident.severity, incident.title) == (4, "Chat: mean time to first token from 44 ms to 182 ms")
    assert incident.leaf
    incident.diagnosis["page"] = True  # even where the leaf would page
    incident.save(update_fields=["diagnosis"])
    services.pull_findings(now=NOW + timedelta(minutes=1))
    assert not Page.objects.exists()


def test_the_breach_that_follows_joins_it_and_pages_and_there_is_one_incident(chat):
    sign(chat)
    services.pull_findings(now=NOW)
    factories.make_finding(chat, now=NOW + timedelta(minutes=2))
    services.pull_findings(now=NOW + timedelta(minutes=2))
    incident = Incident.objects.get()
    assert (incident.severity, incident.detected_at) == (2, NOW)
    assert incident.diagnosis["asked_at"] == (NOW + timedelta(minutes=2)).isoformat()  # looked at anew
    assert Page.objects.get().incident == incident


def test_a_moved_signal_after_the_breach_joins_and_changes_no_severity(chat):
    factories.make_finding(chat)
    services.pull_findings(now=NOW)
    sign(chat, now=NOW + timedelta(minutes=1))
    services.pull_findings(now=NOW + timedelta(minutes=1))
    assert Incident.objects.get().severity == 2
    assert Page.objects.count() == 1


def test_what_nobody_feels_opens_nothing(chat):
    sign(chat, severity="info", fingerprint="moved/chat/unfelt")
    services.pull_findings(now=NOW)
    assert not Incident.objects.exists()
