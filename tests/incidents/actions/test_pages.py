"""Actions on pages and over REST: propose, approve, run, take back; the switch in the header; what is wrong stays refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.actions import services as actions
from incidents.actions.models import ActionDocument, ActionRun, ActionSecret
from observability.core import clock
from observability.core.models import Role, User
from tests import factories
from tests.conftest import NOW
from tests.incidents.actions.conftest import Acme


@pytest.fixture(autouse=True)
def at_ten(frozen_now) -> None:
    """The platform's clock stands."""


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, address: str, status: int = 200) -> str:
    answer = as_(user).get(address)
    assert answer.status_code == status
    return answer.content.decode()


def test_from_proposed_to_done_with_buttons_alone(acme: Acme) -> None:
    incident = f"/incidents/{acme.incident.number}/"
    assert 'id="propose-tighten_admission"' in page(acme.bob, incident)
    assert as_(acme.bob).post(f"{incident}actions/tighten_admission/").status_code == 302
    run = ActionRun.objects.get()
    assert "must say yes" in page(acme.bob, incident)
    assert f'id="run-{run.pk}-approve_and_run"' in page(acme.cleo, incident)
    as_(acme.cleo).post(f"/actions/runs/{run.pk}/approve_and_run/")
    actions.run_due(now=NOW + timedelta(seconds=1))
    told = page(acme.bob, incident)
    assert "Action ran: Tighten admission, done" in told
    assert f'id="run-{run.pk}-undo"' in told
    assert "approved by Cleo" in page(acme.bob, "/actions/runs/")
    assert run.key in page(acme.bob, f"/actions/runs/{run.pk}/")


def test_a_viewer_sees_and_presses_nothing(acme: Acme) -> None:
    vera = factories.make_user(acme.organisation, username="vera", role=Role.VIEWER)
    told = page(vera, f"/incidents/{acme.incident.number}/")
    assert "Tighten admission" in told
    assert "propose-tighten_admission" not in told
    assert as_(vera).post(f"/incidents/{acme.incident.number}/actions/tighten_admission/").status_code == 403
    assert 'class="kill"' not in told


def test_the_kill_switch_is_one_click_in_the_header_of_every_page(acme: Acme) -> None:
    assert 'class="kill"' in page(acme.bob, "/")
    as_(acme.bob).post("/actions/switch/stop/")
    told = page(acme.bob, "/")
    assert "All actions are stopped, by bob." in told
    assert 'class="kill"' not in told
    assert as_(acme.bob).post("/actions/switch/resume/").status_code == 403
    as_(acme.ana).post("/actions/switch/resume/")
    assert 'class="kill"' in page(acme.bob, "/")
    as_(acme.ana).post("/actions/switch/off/")
    assert 'class="kill"' not in page(acme.bob, "/")
    assert "actions are off" in page(acme.bob, f"/incidents/{acme.incident.number}/")


def test_a_document_that_does_not_fit_changes_nothing_and_says_where(acme: Acme) -> None:
    text = acme.document().replace("limits", "speed")
    for given in ({"check": "1"}, {}):
        answer = as_(acme.ana).post("/actions/set/", {"text": text, **given})
        assert answer.status_code == 422
        assert "Line 7, bindings[0].parameters" in answer.content.decode()
        assert "Version 1 stays in force" in answer.content.decode()
    assert "It fits" in as_(acme.bob).post("/actions/set/", {"text": acme.document(), "check": "1"}).content.decode()
    assert as_(acme.bob).post("/actions/set/", {"text": acme.document(approvals=2)}).status_code == 403
    as_(acme.ana).post("/actions/set/", {"text": acme.document(approvals=2)})
    assert ActionDocument.objects.count() == 2
    assert "2 approvals" in page(acme.bob, "/actions/")


def test_a_secret_is_kept_and_never_shown(acme: Acme) -> None:
    as_(acme.ana).post("/actions/secrets/", {"name": "token", "value": "very-secret"})
    assert ActionSecret.objects.get(name="token").value == "very-secret"
    assert "very-secret" not in page(acme.ana, "/actions/")
    as_(acme.ana).post("/actions/secrets/token/forget/")
    assert not ActionSecret.objects.filter(name="token").exists()


def test_a_binding_is_rehearsed_from_its_row(acme: Acme) -> None:
    answer = as_(acme.ana).post("/actions/rehearse/", {"binding": "chat/tighten_admission"})
    assert answer.status_code == 302
    actions.run_due(now=clock.now())
    assert acme.gateway.requests[0].json["dry_run"] is True
    assert "rehearsal" in page(acme.ana, answer["Location"])


def test_everything_a_page_does_the_interface_does(acme: Acme) -> None:
    def call(user: User, method: str, address: str, document: object = None) -> tuple[int, dict]:
        body = {} if document is None else {"data": json.dumps(document), "content_type": "application/json"}
        answer = getattr(as_(user), method)(f"/api/v1{address}", **body)
        return answer.status_code, json.loads(answer.content or b"{}")

    number = acme.incident.number
    offered = call(acme.bob, "get", f"/incidents/{number}/actions")[1]["offers"]
    assert next(one for one in offered if one["action"] == "tighten_admission") == {
        "action": "tighten_admission", "stand": "offered", "reason": "helps on traffic-spike", "bound": True,
    }  # fmt: skip
    status, run = call(acme.bob, "post", f"/incidents/{number}/actions", {"action": "tighten_admission"})
    assert (status, run["state"], run["requested_by"]) == (201, "proposed", "bob")
    assert call(acme.bob, "post", f"/incidents/{number}/actions", {"action": "tighten_admission"})[0] == 409
    assert call(acme.bob, "post", f"/actions/runs/{run['id']}/approve")[0] == 403
    assert call(acme.cleo, "post", f"/actions/runs/{run['id']}/approve")[1]["approved_by"] == ["cleo"]
    assert call(acme.bob, "post", f"/actions/runs/{run['id']}/run")[1]["state"] == "started"
    actions.run_due(now=NOW)
    assert call(acme.bob, "get", f"/actions/runs/{run['id']}")[1]["state"] == "done"
    assert call(acme.bob, "post", f"/actions/runs/{run['id']}/undo")[1]["undo_of"] == run["id"]
    assert [one["id"] for one in call(acme.bob, "get", "/actions/runs")[1]["items"]][-1] == run["id"]
    assert call(acme.bob, "post", "/actions/stop")[1]["stopped_by"] == "bob"
    assert call(acme.ana, "post", "/actions/resume")[1]["stopped_at"] is None
    assert call(acme.ana, "put", "/actions", {"enabled": False})[1]["enabled"] is False
    assert call(acme.ana, "put", "/actions/document", {"text": "bindings: 1"})[0] == 409
    assert call(acme.ana, "put", "/actions/secrets/token", {"value": "x"})[1]["name"] == "token"
    assert call(acme.ana, "delete", "/actions/secrets/token")[0] == 204
    assert call(acme.ana, "post", "/actions/rehearsals", {"service": "chat", "action": "tighten_admission"})[0] == 201


def test_the_history_asks_as_much_for_three_runs_as_for_one(acme: Acme) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            page(acme.bob, "/actions/runs/")
        return len(seen)

    acme.started()
    actions.run_due(now=NOW)
    one = asked()
    for hours in (1, 2):
        acme.started(now=NOW + timedelta(hours=hours))
        actions.run_due(now=NOW + timedelta(hours=hours))
    assert ActionRun.objects.count() == 3
    assert asked() == one
