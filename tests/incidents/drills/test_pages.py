"""The Drills pages and the interface: start, take part, end, and what may be told while a surprise lasts."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.alerts import services as alerts
from incidents.drills import services
from incidents.drills.models import Drill
from incidents.paging.models import DemoMessage, PagerEndpoint
from observability.core import permissions
from observability.core.models import Organisation, Role, User
from probes.simfleet.server import FleetServer
from tests.factories import make_user
from tests.incidents.drills.test_drills import after, begin, burn


@pytest.fixture
def browser(bob: User, frozen_now: Any) -> Client:
    client = Client()
    client.force_login(bob)
    return client


def test_a_surprise_is_told_when_it_is_over(fleet: FleetServer, acme: Organisation, bob: User, browser: Client) -> None:
    assert "Surprise me" in browser.get("/drills/").content.decode()
    started = browser.post("/drills/start/", {"fault": "", "minutes": "20", "people": [str(bob.pk)]})
    assert started["Location"] == "/drills/1/"
    drill = Drill.objects.get()
    burn("chat", after(1))
    alerts.pull_findings(now=after(1))
    inbox = PagerEndpoint.objects.get(drill=True)
    payload = {
        "recipient": "Bob",
        "kind": "opened",
        "reason": "first",
        "incident": {"number": 1, "title": "Late", "severity": 2},
    }
    DemoMessage.objects.create(organisation=acme, endpoint=inbox, received_at=after(1), dedup_key="x", payload=payload)
    for address in ("/drills/", "/drills/1/", "/drills/1/live/"):
        told = browser.get(address).content.decode()
        assert drill.title not in told, address
        assert "What was right" not in told
    assert "SEV2 INC-1" in browser.get("/drills/1/").content.decode()
    assert "SEV2 INC-1" not in browser.get("/demo/pager/").content.decode()
    assert drill.title not in browser.get("/api/v1/drills/1").content.decode()
    browser.post("/drills/1/end/")
    Drill.objects.update(due_at=after(1))
    services.drive_due(now=after(90))
    told = browser.get("/drills/1/").content.decode()
    assert f"{drill.title}: " in told
    assert "What was right" in told


def test_a_viewer_may_look_and_do_nothing(fleet: FleetServer, acme: Organisation, bob: User, frozen_now: Any) -> None:
    begin(acme, bob)
    client = Client()
    client.force_login(make_user(acme, username="vera", role=Role.VIEWER))
    page = client.get("/drills/1/").content.decode()
    assert "Take part" not in page
    assert "End the drill" not in page
    assert client.post("/drills/1/end/").status_code == 403
    assert client.get("/drills/9/").status_code == 404
    assert client.post("/drills/1/dance/").status_code == 404


def test_the_list_takes_as_many_queries_for_three_drills_as_for_one(
    fleet: FleetServer, acme: Organisation, bob: User, browser: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/drills/").status_code == 200
        return len(asked)

    counts = []
    for minutes in (0, 30, 60):
        begin(acme, bob, now=after(minutes))
        services.end(
            drill=Drill.objects.order_by("-pk")[0],
            actor=permissions.of(bob, acme),
            now=after(minutes + 1),
        )
        services.drive_due(now=after(minutes + 4))
        counts.append(queries())
    assert counts[0] == counts[2]


def test_the_interface_does_what_the_pages_do(
    fleet: FleetServer, acme: Organisation, bob: User, browser: Client
) -> None:
    def post(address: str, body: str = "{}") -> Any:
        return browser.post(f"/api/v1/drills{address}", body, content_type="application/json")

    offered = {one["name"]: one["expected_leaf"] for one in browser.get("/api/v1/drill-faults").json()}
    assert offered["traffic-spike"] == "traffic-spike"
    assert all(offered.values())
    assert "There is no eve here" in post("", '{"people": ["eve"]}').json()["detail"]
    made = post("", '{"people": ["bob"], "fault": "traffic-spike", "minutes": 10}')
    assert (made.status_code, made.json()["state"], made.json()["people"]) == (201, "running", ["bob"])
    assert post("/1/join").json()["people"] == ["bob"]
    assert post("/1/end").json()["state"] == "settling"
    services.drive_due(now=after(3))
    assert browser.get("/api/v1/drills").json()["items"][0]["state"] == "over"
    (record,) = browser.get("/api/v1/drills/history").json()
    assert (record["person"], record["drills"], record["spreads"]["mitigated"]["count"]) == ("Bob", 1, 0)
