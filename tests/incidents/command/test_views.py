"""The buttons of the incident page and their twins over REST."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.command.models import Duty
from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.core.models import Role
from tests import factories, worlds

pytestmark = pytest.mark.django_db


def do(client: Client, verb: str, number: int = 2, **given: Any) -> str:
    """Press a button of INC-`number` and read the page that follows."""
    answer = client.post(f"/incidents/{number}/do/{verb}/", given, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def api(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1/incidents/{path}", json.dumps(body), content_type="application/json")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_anyone_declares_on_a_page(as_role: Any, world: worlds.World, frozen_now: Any, role: str) -> None:
    client = as_role(role)
    assert "Everyone is affected" in client.get("/incidents/declare/").content.decode()
    form = {"title": "Logins fail", "severity": "2", "service": world.services["chat"].pk, "impact_started_at": ""}
    answer = client.post("/incidents/declare/", form)
    made = Incident.objects.get(title="Logins fail")
    assert answer.headers["Location"] == f"/incidents/{made.number}/"
    assert (made.severity, made.impact_started_at, made.escalation_run) == (2, frozen_now, 1)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("title", "", "required"), ("severity", "9", "valid choice"), ("service", "999999", "valid choice"),
     ("impact_started_at", "2099-01-01T00:00", "not in the future")],
)  # fmt: skip
def test_a_declaration_that_cannot_be_is_said_beside_its_field(as_role: Any, field: str, value: str, said: str) -> None:
    before = Incident.objects.count()
    form = {"title": "x", "severity": "4", field: value}
    answer = as_role(Role.RESPONDER).post("/incidents/declare/", form)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Incident.objects.count() == before


def test_every_button_of_the_page_does_what_it_says(as_role: Any, world: worlds.World, frozen_now: Any) -> None:
    client = as_role(Role.RESPONDER)
    do(client, "take", role="commander")
    assert Incident.objects.get(number=2).commander == world.people[Role.RESPONDER]
    assert "You are commander" in do(client, "tick", role="commander", key="said", done="on")
    do(client, "offer", role="scribe", person="bob")
    assert "You are asked to be scribe" in as_role(Role.COMMANDER).get("/incidents/2/").content.decode()
    do(as_role(Role.COMMANDER), "accept", role="scribe")
    assert Duty.objects.get(role="scribe").holder == world.people[Role.COMMANDER]
    do(client, "offer", role="operations", person="bob")
    do(as_role(Role.COMMANDER), "decline", role="operations")
    do(client, "severity", severity="1", reason="all of them")
    do(client, "impact", at="2026-11-17T09:30")
    do(client, "links", chat_url="https://chat.example.com/inc-2", call_url="")
    do(client, "update", text="Cache is cold")
    do(client, "publish", headline="Slow answers", text="We look.", phase="identified", impact="degraded")
    text = do(client, "snooze", minutes="60")
    assert "Snoozed until" in text
    assert 'href="https://chat.example.com/inc-2"' in text
    do(client, "wake")
    incident = Incident.objects.get(number=2)
    assert (incident.severity, incident.impact_started_at) == (1, frozen_now - timedelta(minutes=30))
    assert incident.snoozed_until is None
    kinds = set(incident.timeline.values_list("kind", flat=True))
    assert kinds >= {"role_taken", "handed_over", "severity_changed", "status_update", "snoozed", "note"}


def test_somebody_is_called_in_on_the_page(as_role: Any, world: worlds.World) -> None:
    factories.make_pager(world.people[Role.COMMANDER], world.organisation, url="http://127.0.0.1:9/bob")
    do(as_role(Role.VIEWER), "responder", person="bob", reason="knows it")
    assert Page.objects.filter(kind=Page.Kind.ASKED, user=world.people[Role.COMMANDER]).exists()


def test_merging_on_the_page_leads_to_the_one_that_goes_on_and_links_both_ways(
    as_role: Any, world: worlds.World
) -> None:
    factories.make_incident(world.services["code"], title="Code is slow")
    text = do(as_role(Role.RESPONDER), "merge", number=3, into="2")
    assert 'href="/incidents/3/">INC-3</a> was merged into it' in text
    text = as_role(Role.VIEWER).get("/incidents/3/").content.decode()
    assert 'INC-3 was merged into <a href="/incidents/2/">INC-2</a>' in text
    assert "Reopen" not in as_role(Role.RESPONDER).get("/incidents/3/").content.decode()


@pytest.mark.parametrize(
    ("verb", "given", "said"),
    [("severity", {"severity": "0"}, "Choose a severity"), ("severity", {"severity": "4"}, "Only the commander lowers"),
     ("impact", {"at": "yesterday"}, "a date and a time"), ("responder", {"person": "nobody"}, "Choose somebody"),
     ("links", {"chat_url": "http://a.example"}, "begins with https"), ("update", {"text": ""}, "1 to 4000"),
     ("publish", {"phase": "x"}, "Choose where it stands"), ("snooze", {"minutes": "x"}, "how many minutes"),
     ("snooze", {"minutes": "99999"}, "within 7 days"), ("merge", {"into": "77"}, "Into which incident"),
     ("split", {"alert": "1", "title": "x"}, "Choose alerts"), ("take", {"role": "king"}, "Choose a role"),
     ("accept", {"role": "scribe"}, "not offered to you"), ("tick", {"role": "scribe", "key": "x"}, "no line")],
)  # fmt: skip
def test_what_cannot_be_is_said_on_the_page(as_role: Any, verb: str, given: dict[str, Any], said: str) -> None:
    assert said in do(as_role(Role.RESPONDER), verb, **given)


def test_a_viewer_may_not_and_an_unknown_button_is_no_page(as_role: Any) -> None:
    assert as_role(Role.VIEWER).post("/incidents/2/do/snooze/", {"minutes": "30"}).status_code == 403
    assert as_role(Role.ADMIN).post("/incidents/2/do/nonsense/").status_code == 404
    assert as_role(Role.ADMIN).get("/incidents/2/do/snooze/").status_code == 405


def test_the_page_asks_the_same_queries_whoever_holds_a_role(as_role: Any, world: worlds.World) -> None:
    client = as_role(Role.RESPONDER)
    client.get("/incidents/2/")

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get("/incidents/2/")
        return len(asked)

    do(client, "take", role="scribe")
    do(client, "update", text="one")
    first = queries()
    for role in ("operations", "communications"):
        do(client, "take", role=role)
        do(client, "update", text=role)
    assert queries() == first


def test_the_figures_page_says_half_and_nine_of_ten(as_role: Any, world: worlds.World) -> None:
    client = as_role(Role.VIEWER)
    for address in ("/incidents/times/", "/incidents/times/?days=365", "/incidents/times/?days=nonsense"):
        assert client.get(address).status_code == 200
    assert "simulated services" in client.get("/incidents/times/").content.decode()
    assert client.get("/api/v1/incident-times").json()["simulated"][0]["incidents"] == 2


def test_rest_does_what_the_buttons_do(as_role: Any, world: worlds.World, frozen_now: Any) -> None:
    client = as_role(Role.RESPONDER)
    factories.make_pager(world.people[Role.COMMANDER], world.organisation, url="http://127.0.0.1:9/bob")
    until = (frozen_now + timedelta(hours=1)).isoformat()
    assert api(client, "2/severity", severity=1).json()["severity"] == "SEV1"
    assert api(client, "2/roles/commander/take").status_code == 200
    assert api(client, "2/roles/scribe/offer", to="bob").json()["offered_to"] == "bob"
    assert api(as_role(Role.COMMANDER), "2/roles/scribe/accept").status_code == 200
    assert api(client, "2/roles/commander/lines/said", done=True).json()["ticked"] == ["said"]
    assert api(client, "2/responders", person="bob").status_code == 200
    assert api(client, "2/impact", at="2026-11-17T09:30:00Z").json()["impact_started_at"] == "2026-11-17T09:30:00Z"
    assert api(client, "2/impact", at="2026-11-17T09:30:00").status_code == 422
    assert api(client, "2/links", chat_url="https://a.example").json()["chat_url"] == "https://a.example"
    assert api(client, "2/updates", text="x").status_code == 201
    public = {"text": "x", "headline": "Slow", "phase": "investigating"}
    assert api(client, "2/updates/public", **public).json()["impact"] == "degraded"
    assert len(client.get("/api/v1/incidents/2/updates").json()) == 2
    assert {row["audience"] for row in client.get("/api/v1/incidents/2/updates/due").json()} == {"internal", "public"}
    assert api(client, "2/snooze", until=until).json()["snoozed_until"] is not None
    assert api(client, "2/wake").json()["snoozed_until"] is None
    roles = {row["role"]: row["holder"] for row in client.get("/api/v1/incidents/2/roles").json()}
    assert roles == {"commander": "alice", "operations": None, "communications": None, "scribe": "bob"}
    factories.make_incident(world.services["code"])
    assert api(client, "3/merge", into=2).json()["number"] == 2
    assert client.get("/api/v1/incidents/3").json()["merged_into"] == 2
    assert api(client, "3/merge", into=2).status_code == 409
    assert api(client, "2/split", alerts=[1], title="x").status_code == 409
    assert api(client, "2/acknowledge").status_code == 200
    assert api(client, "2/nonsense").status_code == 422
