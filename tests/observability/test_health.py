"""/healthz, /readyz and /metrics: from rows, with a fix in words."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from observability import health
from observability.celery import app
from observability.core.models import Heartbeat
from observability.health import Part, State
from probes.exposition import Parser, series
from sloengine.budgets.models import EvaluationCursor
from tests import factories
from tests.conftest import NOW
from tests.servers import free_port

pytestmark = pytest.mark.django_db
REQUEST = RequestFactory().get("/")


@pytest.fixture(autouse=True)
def _nothing_but_rows(settings):
    settings.TAILWATCH_PROBE_URLS = []
    settings.TAILWATCH_DEMO_FLEET_URL = ""


def heartbeats(*parts: str, at: datetime = NOW) -> None:
    for part in parts:
        Heartbeat.objects.create(part=part, at=at)


def by_name(parts: list[Part]) -> dict[str, Part]:
    return {part.name: part for part in parts}


def test_the_process_lives() -> None:
    assert health.healthz(REQUEST).status_code == 200


def test_ready_when_every_part_answers(frozen_now: datetime, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.conf, "broker_url", redis_url)
    monkeypatch.setitem(app.conf, "broker_write_url", redis_url)
    heartbeats(*health.WORKERS)
    answer = health.readyz(REQUEST)
    assert json.loads(answer.content)["parts"] == [
        {"name": "database", "state": "ok", "seen": "answers", "fix": ""},
        {"name": "migrations", "state": "ok", "seen": "all applied", "fix": ""},
        {"name": "worker:fast", "state": "ok", "seen": "last heartbeat 0 s ago", "fix": ""},
        {"name": "worker:slow", "state": "ok", "seen": "last heartbeat 0 s ago", "fix": ""},
        {"name": "broker", "state": "ok", "seen": "answers", "fix": ""},
    ]
    assert answer.status_code == 200


def test_a_late_worker_is_named_and_the_other_is_not() -> None:
    heartbeats("worker:slow")
    heartbeats("worker:fast", at=NOW - timedelta(seconds=21))
    fast, slow = health.examine_workers(now=NOW)
    assert (fast.state, fast.seen) == (State.FAILING, "last heartbeat 21 s ago")
    assert "-Q fast" in fast.fix
    assert slow.state is State.OK


def test_when_no_worker_is_heard_beat_is_suspected_first() -> None:
    parts = list(health.examine_workers(now=NOW))
    assert [part.seen for part in parts] == ["no heartbeat yet"] * 2
    assert all("beat" in part.fix for part in parts)


def test_a_silent_broker_is_failing_and_says_that_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setitem(app.conf, "broker_url", url)
    monkeypatch.setitem(app.conf, "broker_write_url", url)
    part = health.examine_broker()
    assert part.state is State.FAILING
    assert "Nothing is lost" in part.fix


def test_without_the_database_the_rest_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused\nmore")

    monkeypatch.setattr(connection, "cursor", refuse)
    parts = by_name(health.examine(now=NOW))
    assert (parts["database"].state, parts["database"].seen) == (State.FAILING, "connection refused")
    assert parts["worker:fast"].state is State.CANNOT_TELL
    assert parts["worker:fast"].fix == parts["database"].fix


def test_a_probe_that_does_not_answer_is_named_with_its_address(settings) -> None:
    settings.TAILWATCH_PROBE_URLS = [f"http://127.0.0.1:{free_port()}/metrics"]
    probe = by_name(health.examine(now=NOW))["probe"]
    assert probe.state is State.FAILING
    assert settings.TAILWATCH_PROBE_URLS[0].replace("/metrics", "/healthz") in probe.seen


def test_metrics_leave_out_the_age_of_what_is_not_there(frozen_now: datetime) -> None:
    heartbeats("worker:fast", at=NOW - timedelta(seconds=4))
    answer = health.metrics(REQUEST)
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert Parser().parse(answer.content) == {
        series("tailwatch_due_pages"): 0.0,
        series("tailwatch_open_incidents"): 0.0,
        series("tailwatch_firing_findings"): 0.0,
        series("tailwatch_failing_sources"): 0.0,
        series("tailwatch_worker_fast_heartbeat_age_seconds"): 4.0,
    }


def test_an_organisation_that_is_not_evaluated_shows_although_others_are(frozen_now: datetime) -> None:
    for minutes in (1, 30):
        organisation = factories.make_organisation()
        factories.make_source(organisation)
        factories.make_source(organisation)
        EvaluationCursor.objects.create(organisation=organisation, tick=NOW - timedelta(minutes=minutes))
    gone = factories.make_organisation()
    EvaluationCursor.objects.create(organisation=gone, tick=NOW - timedelta(days=9))
    factories.make_finding(factories.make_service(gone), now=NOW - timedelta(minutes=2))
    samples = health.own_samples(now=NOW)
    assert samples[series("tailwatch_evaluation_age_seconds")] == 1800
    assert samples[series("tailwatch_oldest_unread_finding_age_seconds")] == 120
