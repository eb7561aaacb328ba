"""The pages as a browser gets them: who may look, what a GET changes (nothing), how many queries a list takes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.paging.models import Page, PagerEndpoint
from incidents.response.models import Incident, TimelineEntry
from observability.core.models import AuditEntry, Role, User
from tests import worlds

pytestmark = pytest.mark.django_db

PAGES = [
    "/",
    "/now/live/",
    "/incidents/",
    "/incidents/declare/",
    "/incidents/times/",
    "/status/",
    "/incidents/2/",
    "/incidents/2/part/top/",
    "/incidents/2/part/why/",
    "/incidents/2/part/runbook/",
    "/incidents/2/part/evidence/",
    "/incidents/2/part/side/",
    "/slos/",
    "/slos/chat/first-token-300ms/",
    "/runbooks/",
    "/runbooks/traffic-spike/",
    "/runbooks/traffic-spike/edit/",
    "/runbooks/traffic-spike/history/",
    "/runbooks/new/",
    "/postmortems/",
    "/postmortems/1/",
    "/pages/",
    "/demo/pager/",
    "/demo/pager/live/",
    "/preferences/",
]


def test_every_page_asks_for_a_login(client: Client, world: worlds.World) -> None:
    for address in PAGES:
        response = client.get(address)
        assert response.status_code == 302, address
        assert response.headers["Location"].startswith("/login/?next="), address


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_look_at_every_page(as_role: Any, role: str) -> None:
    client = as_role(role)
    assert [address for address in PAGES if client.get(address).status_code != 200] == []


def test_no_page_holds_an_inline_script_or_style_and_each_carries_the_policy(as_role: Any) -> None:
    client = as_role(Role.ADMIN)
    for address in [*PAGES, "/login/"]:
        response = client.get(address)
        text = response.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), address
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), address
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy, address
        assert "unsafe" not in policy, address


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(as_role: Any, method: str) -> None:
    client = as_role(Role.ADMIN)

    def state() -> list[Any]:
        return [
            list(Incident.objects.values()),
            TimelineEntry.objects.count(),
            AuditEntry.objects.count(),
            list(Page.objects.values()),
        ]

    before = state()
    assert [address for address in PAGES if getattr(client, method)(address).status_code != 200] == []
    assert state() == before


@pytest.mark.parametrize("verb", ["acknowledge", "mitigate", "resolve", "reopen", "note"])
def test_an_action_by_get_is_refused(as_role: Any, verb: str) -> None:
    assert as_role(Role.ADMIN).get(f"/incidents/2/{verb}/").status_code == 405


def test_a_stranger_without_membership_reads_why(client: Client, world: worlds.World) -> None:
    client.force_login(User.objects.create_user("nobody", password=worlds.PASSWORD))
    response = client.get("/")
    assert response.status_code == 403
    assert "belongs to no organisation" in response.content.decode()


def test_an_incident_of_another_organisation_is_not_found(client: Client, world: worlds.World, frozen_now: Any) -> None:
    from observability.core.models import Organisation

    other = Organisation.objects.create(slug="other", name="Other")
    client.force_login(worlds.make_person(organisation=other, username="eve", role=Role.ADMIN, now=frozen_now))
    assert client.get("/incidents/2/").status_code == 404
    assert client.post("/incidents/2/acknowledge/").status_code == 404


def test_a_responder_acknowledges_without_javascript(as_role: Any, world: worlds.World) -> None:
    response = as_role(Role.RESPONDER).post("/incidents/2/acknowledge/")
    assert response.headers["Location"] == "/incidents/2/"
    world.incident.refresh_from_db()
    assert (world.incident.state, world.incident.acknowledged_by) == ("acknowledged", world.people[Role.RESPONDER])


def test_acknowledging_through_htmx_answers_with_the_rows(as_role: Any) -> None:
    response = as_role(Role.RESPONDER).post(
        "/incidents/2/acknowledge/", {"back": "now"}, headers={"HX-Request": "true"}
    )
    assert "acknowledged by alice" in response.content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.LEADERSHIP, Role.AUDITOR, Role.RELEASE_ENGINEER])
def test_who_may_not_acknowledge_reads_who_may(as_role: Any, role: str, world: worlds.World) -> None:
    response = as_role(role).post("/incidents/2/acknowledge/")
    assert response.status_code == 403
    assert "these roles may" in response.content.decode()
    world.incident.refresh_from_db()
    assert world.incident.state == "open"


def test_a_viewer_sees_no_button_that_would_be_refused(as_role: Any) -> None:
    assert "/incidents/2/acknowledge/" not in as_role(Role.VIEWER).get("/").content.decode()
    assert "/incidents/2/acknowledge/" not in as_role(Role.VIEWER).get("/incidents/2/").content.decode()


def test_the_whole_life_by_hand(as_role: Any, world: worlds.World) -> None:
    client = as_role(Role.COMMANDER)
    for verb, state in [
        ("acknowledge", "acknowledged"),
        ("mitigate", "mitigated"),
        ("resolve", "resolved"),
        ("reopen", "open"),
    ]:
        client.post(f"/incidents/2/{verb}/")
        world.incident.refresh_from_db()
        assert world.incident.state == state


def test_command_is_taken_and_shown(as_role: Any, world: worlds.World) -> None:
    text = as_role(Role.COMMANDER).post("/incidents/2/command/", follow=True).content.decode()
    world.incident.refresh_from_db()
    assert world.incident.commander == world.people[Role.COMMANDER]
    assert "Take command" not in text


def test_a_refused_move_is_said(as_role: Any) -> None:
    text = as_role(Role.COMMANDER).post("/incidents/1/acknowledge/", follow=True).content.decode()
    assert "INC-1 cannot be changed" in text


def test_a_note_is_kept_and_shown_escaped(as_role: Any) -> None:
    text = (
        as_role(Role.RESPONDER)
        .post("/incidents/2/note/", {"text": "<b>looks</b> like a launch"}, follow=True)
        .content.decode()
    )
    assert "&lt;b&gt;looks&lt;/b&gt; like a launch" in text


@pytest.mark.parametrize("text", ["", "   ", "x" * 4001])
def test_an_empty_or_endless_note_is_refused_in_words(as_role: Any, text: str) -> None:
    assert (
        "A note needs 1 to 4000 characters"
        in as_role(Role.RESPONDER).post("/incidents/2/note/", {"text": text}, follow=True).content.decode()
    )


def test_an_unchanged_fragment_is_304_and_a_changed_one_is_not(as_role: Any, world: worlds.World) -> None:
    client = as_role(Role.VIEWER)
    for address in ["/now/live/", "/incidents/2/part/top/", "/incidents/2/part/side/", "/demo/pager/live/"]:
        first = client.get(address)
        again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    first = client.get("/now/live/")
    as_role(Role.RESPONDER).post("/incidents/2/acknowledge/")
    assert client.get("/now/live/", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_time_passing_alone_is_no_change(as_role: Any, frozen_now: Any) -> None:
    from observability.core import clock

    client = as_role(Role.VIEWER)
    first = client.get("/incidents/2/part/side/")
    with clock.frozen(frozen_now + timedelta(seconds=7)):
        assert (
            client.get("/incidents/2/part/side/", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
        )


@pytest.mark.parametrize("address", ["/incidents/?state=all", "/", "/pages/", "/postmortems/"])
def test_one_row_and_three_take_the_same_queries(
    as_role: Any, world: worlds.World, frozen_now: Any, address: str
) -> None:
    client = as_role(Role.VIEWER)
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    from incidents.learning.models import Postmortem
    from incidents.response import services as response

    for index in range(3):
        other = worlds.make_incident(
            organisation=world.organisation, service=world.services["code"], now=frozen_now, number_key=f"more-{index}"
        )
        response.page(incident=other, now=frozen_now)
        Postmortem.objects.create(
            organisation=world.organisation, incident=other, markdown="# x", drafted_at=frozen_now
        )
    with CaptureQueriesContext(connection) as more:
        client.get(address)
    assert len(more) == len(few)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"INC-2"}),
        ("?state=all", {"INC-1", "INC-2"}),
        ("?state=resolved", {"INC-1"}),
        ("?service=code", set()),
        ("?state=all&service=chat&severity=2", {"INC-1", "INC-2"}),
        ("?severity=5", set()),
        ("?q=inc-1", {"INC-1"}),
        ("?q=traffic-spike", {"INC-1", "INC-2"}),
        ("?q=nothing+like+it", set()),
        ("?state=nonsense&severity=9&page=-3", {"INC-2"}),
        ("?q=%00", {"INC-2"}),
    ],
)
def test_the_list_is_narrowed_by_its_address(as_role: Any, query: str, found: set[str]) -> None:
    text = as_role(Role.VIEWER).get(f"/incidents/{query}").content.decode()
    assert set(re.findall(r"<b>(INC-\d+)</b>", text)) == found


def test_the_incident_page_says_path_evidence_and_runbook(as_role: Any) -> None:
    text = as_role(Role.RESPONDER).get("/incidents/2/").content.decode()
    for said in [
        "Traffic spike",
        "Queueing is 71 %",
        "Decision path: SLO breach? yes",
        "Queueing under a traffic spike",
        "Page sent to alice",
        "HTTP 503: busy",
        "Seen before",
        "INC-1",
    ]:
        assert said in text, said


def test_static_assets_are_served_without_a_content_network(as_role: Any) -> None:
    text = as_role(Role.VIEWER).get("/").content.decode()
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)


def test_logout_is_a_post(as_role: Any) -> None:
    client = as_role(Role.VIEWER)
    assert client.get(reverse("logout")).status_code == 405
    client.post(reverse("logout"))
    assert client.get("/").status_code == 302


def test_now_says_who_would_be_paged_in_vain(as_role: Any, world: worlds.World) -> None:
    client = as_role(Role.VIEWER)
    assert "(no pager)" not in client.get("/").content.decode()
    PagerEndpoint.objects.update(enabled=False)
    assert "(no pager)" in client.get("/").content.decode()
