"""Many incidents at once, from the list and over REST; saved filters of the list."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.response.models import Incident
from incidents.savedfilters.models import SavedFilter
from tests import worlds
from tests.factories import NOW


@pytest.fixture
def world(db: None, frozen_now: Any) -> worlds.World:
    world = worlds.small_world(now=NOW)
    for key in ("a", "b"):
        worlds.make_incident(organisation=world.organisation, service=None, now=NOW, number_key=key)
    return world


def states(*numbers: int) -> list[str]:
    found = dict(Incident.objects.values_list("number", "state"))
    return [found[number] for number in numbers]


def test_the_chosen_ones_are_acknowledged_and_the_list_stays_narrowed(world: worlds.World) -> None:
    form = {"number": ["3", "4"], "do": "acknowledge", "back": "severity=2&page=9"}
    answer = world.client("responder").post("/incidents/bulk/", form)
    assert (answer["Location"], states(3, 4)) == ("/incidents/?severity=2", ["acknowledged", "acknowledged"])
    assert [str(one) for one in get_messages(answer.wsgi_request)] == ["Acknowledged: INC-3, INC-4."]


def test_one_that_cannot_be_moved_holds_none_of_the_others(world: worlds.World) -> None:
    client = world.client("responder")
    body = {"numbers": [1, 3, 99], "verb": "snooze", "minutes": 30}
    done = client.post("/api/v1/incidents/bulk", body, content_type="application/json").json()
    assert (done["moved"], list(done["refused"])) == ([3], ["INC-1"])
    client.post("/incidents/bulk/", {"number": ["3", "4"], "do": "resolve"})
    assert states(3, 4) == ["resolved", "resolved"]


def test_nothing_chosen_or_no_right_changes_nothing(world: worlds.World) -> None:
    answer = world.client("responder").post("/incidents/bulk/", {"do": "acknowledge"})
    assert "0 are chosen" in str([str(one) for one in get_messages(answer.wsgi_request)])
    assert world.client("viewer").post("/incidents/bulk/", {"number": "3", "do": "resolve"}).status_code == 403
    assert 'name="number"' not in world.client("viewer").get("/incidents/").content.decode()
    assert states(3, 4) == ["open", "open"]


def test_a_filter_is_kept_shared_and_let_go(world: worlds.World) -> None:
    mine, other = world.client("responder"), world.client("commander")
    answer = mine.post("/incidents/filters/", {"name": "Bad ones", "severity": "2", "state": "all", "page": "3"})
    assert answer["Location"] == "/incidents/?state=all&severity=2"
    assert "Bad ones" not in other.get("/incidents/").content.decode()
    body = {"name": "Bad ones", "severity": "1", "shared": True}
    kept = mine.post("/api/v1/incident-filters", body, content_type="application/json").json()
    assert (kept["query"], SavedFilter.objects.count()) == ("severity=1", 1)
    assert 'aria-current="page">Bad ones' in other.get("/incidents/?severity=1").content.decode()
    assert [one["of"] for one in other.get("/api/v1/incident-filters").json()] == ["alice"]
    assert other.delete(f"/api/v1/incident-filters/{kept['id']}").status_code == 403
    mine.post(f"/incidents/filters/{kept['id']}/remove/")
    assert not SavedFilter.objects.exists()
    assert mine.post("/api/v1/incident-filters", {"name": " "}, content_type="application/json").status_code == 409


def test_the_list_costs_as_many_queries_for_one_row_as_for_three(world: worlds.World) -> None:
    client = world.client("responder")
    counts = []
    for number in (1, 2, 3):
        client.post("/incidents/filters/", {"name": f"f{number}"})
        key = f"more {number}"
        worlds.make_incident(organisation=world.organisation, service=None, now=NOW, number_key=key)
        client.get("/incidents/")  # the message of the form is shown once
        with CaptureQueriesContext(connection) as queries:
            client.get("/incidents/")
        counts.append(len(queries))
    assert len(set(counts)) == 1
