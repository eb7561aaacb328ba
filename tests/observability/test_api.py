"""The REST interface: who gets in, what is refused and how it is said, and that pages and programs do the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from incidents.response.models import Incident, TimelineEntry
from observability.core import services
from observability.core.models import ApiToken, AuditEntry, Membership, Role, User
from tests import factories, worlds

pytestmark = pytest.mark.django_db


class Program:
    """A client with a token in its pocket."""

    def __init__(self, user: User, *, now: Any, read_only: bool = False, **given: Any) -> None:
        organisation = Membership.objects.get(user=user).organisation
        self.token, plain = services.create_token(
            organisation=organisation, user=user, name="ci", read_only=read_only, expires_at=None, now=now, **given
        )
        self.client = Client(headers={"authorization": f"Bearer {plain}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"/api/v1{path}", body or {}, content_type="application/json")


@pytest.fixture
def program(world: worlds.World, frozen_now: Any) -> Program:
    return Program(User.objects.get(username="alice"), now=frozen_now)


def test_a_token_acts_as_its_owner_and_says_so(program: Program):
    answer = program.get("/me")
    assert answer.status_code == 200
    assert answer.json()["username"] == "alice"
    assert answer.json()["known_by"] == "token"


@pytest.mark.parametrize(
    ("how", "change"),
    [
        ("revoked", lambda token, now: ApiToken.objects.filter(pk=token.pk).update(revoked_at=now)),
        ("expired", lambda token, now: ApiToken.objects.filter(pk=token.pk).update(expires_at=now)),
        ("of someone who left", lambda token, now: User.objects.filter(pk=token.user_id).update(is_active=False)),
    ],
)
def test_a_token_that_has_ended_opens_nothing(program: Program, frozen_now: Any, how: str, change: Any):
    change(program.token, frozen_now)
    answer = program.get("/incidents")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_token_of_a_person_without_membership_is_refused_in_words(program: Program):
    Membership.objects.all().delete()
    answer = program.get("/incidents")
    assert answer.status_code == 403
    assert "holds no role" in answer.json()["detail"]


def test_a_reading_token_does_not_write(world: worlds.World, frozen_now: Any):
    reader = Program(User.objects.get(username="alice"), now=frozen_now, read_only=True)
    answer = reader.post("/incidents", {"title": "Odd answers", "severity": 3})
    assert answer.status_code == 403
    assert "only reads" in answer.json()["detail"]


def test_writing_by_session_needs_the_header_that_a_form_would_send(world: worlds.World):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="alice"))
    assert browser.get("/api/v1/me").json()["known_by"] == "user"
    refused = browser.post(
        "/api/v1/incidents", {"title": "Odd answers", "severity": 3}, content_type="application/json"
    )
    assert refused.status_code in {401, 403}
    assert not Incident.objects.filter(title="Odd answers").exists()


def test_a_declared_incident_is_acknowledged_and_noted_by_a_program_with_its_name_in_the_record(program: Program):
    made = program.post("/incidents", {"title": "Odd answers", "severity": 3, "service": "chat"})
    assert made.status_code == 201
    number = made.json()["number"]
    assert program.post(f"/incidents/{number}/acknowledge").json()["state"] == "acknowledged"
    assert program.post(f"/incidents/{number}/notes", {"text": "rolled back"}).status_code == 201
    entries = program.get(f"/incidents/{number}/timeline").json()
    assert [entry["kind"] for entry in entries] == ["opened", "acknowledged", "note"]
    assert TimelineEntry.objects.filter(incident__number=number, actor_kind="token").count() == 3
    assert AuditEntry.objects.filter(actor="token:alice", verb="acknowledge").exists()


def test_a_move_that_does_not_fit_is_a_conflict_in_words(program: Program):
    number = Incident.objects.filter(state="resolved").order_by("number").values_list("number", flat=True)[0]
    answer = program.post(f"/incidents/{number}/acknowledge")
    assert answer.status_code == 409
    assert "cannot be changed" in answer.json()["detail"]


def test_bad_input_names_each_place(program: Program):
    answer = program.post("/incidents", {"title": "", "severity": 9})
    assert answer.status_code == 422
    assert {error["where"] for error in answer.json()["errors"]} == {
        "body.declaration.title",
        "body.declaration.severity",
    }


def test_a_list_comes_in_pages_that_know_where_they_end(program: Program):
    first = program.get("/incidents", limit=1).json()
    assert len(first["items"]) == 1
    assert first["next_offset"] == 1
    every = program.get("/incidents").json()
    assert every["next_offset"] is None
    assert len(every["items"]) == Incident.objects.count()


def test_what_belongs_to_others_is_not_there(program: Program, frozen_now: Any):
    other = factories.make_incident(factories.make_service(factories.make_organisation("other")), now=frozen_now)
    Incident.objects.filter(pk=other.pk).update(number=9999)
    assert program.get("/incidents/9999").status_code == 404
    assert 9999 not in {one["number"] for one in program.get("/incidents").json()["items"]}


def test_a_viewer_reads_why_they_may_not(world: worlds.World, frozen_now: Any):
    organisation = Membership.objects.get(user__username="alice").organisation
    viewer = Program(factories.make_user(organisation, role=Role.VIEWER), now=frozen_now)
    number = Incident.objects.values_list("number", flat=True)[0]
    answer = viewer.post(f"/incidents/{number}/resolve")
    assert answer.status_code == 403
    assert "these roles may" in answer.json()["detail"]


def test_the_schema_is_served_and_names_every_route(client: Client):
    schema = client.get("/api/v1/openapi.json").json()
    assert {"/api/v1/me", "/api/v1/incidents", "/api/v1/incidents/{number}"} <= set(schema["paths"])
    without = [
        f"{method} {path}"
        for path, methods in schema["paths"].items()
        for method, what in methods.items()
        if not what.get("summary") or not what.get("tags")
    ]
    assert without == []


def test_a_person_makes_a_token_sees_it_once_and_ends_it(world: worlds.World, frozen_now: Any):
    browser = Client()
    browser.force_login(User.objects.get(username="alice"))
    shown = browser.post("/preferences/tokens/", {"name": "gate", "read_only": "on", "days": "90"})
    token = ApiToken.objects.get(name="gate")
    assert (token.read_only, token.expires_at) == (True, frozen_now + timedelta(days=90))
    assert "Your new token" in shown.content.decode()
    again = browser.get("/preferences/tokens/").content.decode()
    assert "gate" in again
    assert "Your new token" not in again
    browser.post(f"/preferences/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at == frozen_now
