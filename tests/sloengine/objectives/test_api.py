"""Objectives over REST do what the pages and the command do."""

from __future__ import annotations

import pytest
from django.test import Client

from observability.core.models import Role
from sloengine.objectives.models import Objective
from tests import factories
from tests.sloengine.objectives.test_openslo import DOCUMENT

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(frozen_now):
    return factories.make_service(factories.make_organisation(), slug="chat")


class Caller:
    def __init__(self, service, role):
        self.client = Client()
        self.client.force_login(factories.make_user(service.organisation, role=role))

    def get(self, path, **query):
        return self.client.get(f"/api/v1{path}", query)

    def send(self, path, body=None, *, method="post"):
        return getattr(self.client, method)(f"/api/v1{path}", body or {}, content_type="application/json")


@pytest.fixture
def admin(service):
    return Caller(service, Role.ADMIN)


def test_documents_are_applied_whole_or_refused_with_their_lines(admin):
    planned = admin.send("/objectives/apply", {"text": DOCUMENT, "dry_run": True})
    assert planned.json()["added"] == ["chat/first-token"]
    assert not Objective.objects.exists()
    assert admin.send("/objectives/apply", {"text": DOCUMENT}).json()["added"] == ["chat/first-token"]
    refused = admin.send("/objectives/apply", {"text": DOCUMENT.replace("30d", "soon")})
    assert refused.status_code == 422
    assert "text:11: spec.timeWindow[0].duration: found 'soon', expected" in refused.json()["detail"]


def test_one_objective_its_budget_windows_history(admin):
    admin.send("/objectives/apply", {"text": DOCUMENT})
    (row,) = admin.get("/objectives", service="chat").json()["items"]
    assert (row["slug"], row["window_seconds"]) == ("first-token", 2592000)
    assert admin.get("/objectives/chat/first-token").json()["document"]["kind"] == "SLO"
    assert admin.get("/objectives/chat/first-token/budget").json()["state"] == "no data"
    assert [one["tier"] for one in admin.get("/objectives/chat/first-token/windows").json()] == [
        "fast",
        "slow",
        "day",
        "drip",
    ]
    assert len(admin.get("/objectives/chat/first-token/burn-down").json()) == 120
    assert admin.get("/objectives/chat/first-token/changes").json()["items"][0]["kind"] == "added"
    assert admin.get("/objectives/chat/other").status_code == 404


def test_exclusions_adjustments_and_policies(admin):
    admin.send("/objectives/apply", {"text": DOCUMENT})
    body = {"reason": "load test", "starts_at": "2026-11-17T08:00:00Z", "minutes": 60, "service": "chat"}
    made = admin.send("/exclusions", body)
    assert (made.status_code, made.json()["service"], made.json()["objective"]) == (201, "chat", None)
    assert admin.send("/exclusions", {**body, "rrule": "often"}).status_code == 422
    assert admin.send("/exclusions", {**body, "service": "nobody"}).status_code == 404
    assert admin.send(f"/exclusions/{made.json()['id']}/call-off").json()["until"] is not None
    assert len(admin.get("/exclusions").json()["items"]) == 1
    adjusted = admin.send("/objectives/chat/first-token/adjustments", {"ratio": "0.25", "reason": "vendor"})
    assert adjusted.status_code == 201
    assert admin.get("/objectives/chat/first-token/adjustments").json()[0]["reason"] == "vendor"
    text = "name: strict\nsteps: [{step: stop, at: '0.5', consequence: No.}]"
    assert admin.send("/budget-policy", {"text": text}, method="put").json()["name"] == "strict"
    assert admin.send("/budget-policy", {"text": "x"}, method="put").status_code == 422
    assert admin.get("/budget-policy/standings").json()["items"] == []


def test_a_viewer_reads_and_changes_nothing(service):
    viewer = Caller(service, Role.VIEWER)
    assert viewer.send("/objectives/apply", {"text": DOCUMENT}).status_code == 403
    assert (
        viewer.send("/exclusions", {"reason": "x", "starts_at": "2026-11-17T08:00:00Z", "minutes": 5}).status_code
        == 403
    )
    assert viewer.get("/objectives").json()["items"] == []
