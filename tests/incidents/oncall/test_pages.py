"""The on-call pages and their REST twins, as a person and as a program use them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.oncall.models import HandoverNote, Schedule, ScheduleOverride, Swap
from observability.core.models import User
from tests import factories, worlds
from tests.factories import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def schedule(world: worlds.World) -> Schedule:
    people = list(world.people.values())
    return factories.make_schedule(world.organisation, *people[:3])


def test_now_and_next_come_first(world: worlds.World, schedule: Schedule) -> None:
    page = world.client("responder").get("/oncall/").content.decode()
    on_call = User.objects.get(
        username=Schedule.objects.get().versions.get().document["layers"][0]["members"][2]["people"][0]
    )
    assert f"<h1>{on_call} is on call.</h1>" in page or "You are on call in Primary." in page
    sheet = world.client("responder").get("/oncall/primary/").content.decode()
    assert sheet.index("<h1>") < sheet.index("Then <b>") < sheet.index("Calendar")


def test_gaps_are_red_and_said(world: worlds.World) -> None:
    members = [{"people": [world.people["responder"].username]}]
    layer = {"name": "w", "starts": "2026-11-02T09:00", "until": "2026-11-19T09:00", "members": members}
    factories.make_schedule(world.organisation, layers=[layer])
    page = world.client("viewer").get("/oncall/primary/").content.decode()
    assert 'class="piece gap"' in page
    assert "nobody" in page
    assert "Put in</button>" not in page  # a viewer looks only


def test_before_a_schedule_was_made_nobody_was_to_be_on_call(world: worlds.World, schedule: Schedule) -> None:
    page = world.client("viewer").get("/oncall/primary/").content.decode()
    assert 'class="piece gap"' not in page
    lines = page[page.index('<ol class="shifts">') :].split("</ol>")[0]
    assert lines.count("<li") == 5  # a weekly rotation from now to the end of the fifth week
    assert "Mon 23 Nov 09:00 to Mon 30 Nov 09:00" in lines


def test_an_override_says_the_name_and_no_seconds(world: worlds.World, schedule: Schedule) -> None:
    person = world.people["responder"]
    User.objects.filter(pk=person.pk).update(display_name="Alice Moreau")
    form = {"username": person.username, "kind": "cover", "starts": "2026-11-18T09:00", "ends": "2026-11-18T17:00"}
    client = world.client("responder")
    client.post("/oncall/primary/override/", form)
    page = client.get("/oncall/primary/").content.decode()
    assert "<b>Alice Moreau</b><br>" in page
    assert "entered by Alice Moreau" in page
    assert "Wed 18 Nov 2026 09:00 UTC</time>" in page


@pytest.mark.parametrize("path", ["/oncall/", "/oncall/primary/"])
def test_three_schedules_cost_as_many_queries_as_one(world: worlds.World, schedule: Schedule, path: str) -> None:
    client = world.client("responder")
    client.get(path)
    counts = []
    for names in ([], ["Two", "Three"]):
        for name in names:
            factories.make_schedule(world.organisation, *list(world.people.values())[:2], name=name)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_override_by_form_is_wall_time_of_the_reader(world: worlds.World, schedule: Schedule) -> None:
    person = world.people["responder"]
    User.objects.filter(pk=person.pk).update(time_zone="Europe/Paris")
    form = {"username": person.username, "kind": "cover", "starts": "2026-11-18T09:00", "ends": "2026-11-18T17:00"}
    client = world.client("responder")
    assert client.post("/oncall/primary/override/", form).status_code == 302
    override = ScheduleOverride.objects.get()
    assert override.starts_at == NOW.replace(day=18, hour=8)
    answer = client.post("/oncall/primary/override/", {**form, "username": world.people["commander"].username})
    assert "already has Wed 18 Nov 08:00" in str([str(one) for one in get_messages(answer.wsgi_request)])
    client.post("/oncall/primary/override/", {**form, "starts": "soon"})
    assert ScheduleOverride.objects.count() == 1
    client.post(f"/oncall/primary/override/{override.pk}/cancel/")
    override.refresh_from_db()
    assert override.cancelled_at == NOW


def test_who_was_on_call_can_be_asked(world: worlds.World, schedule: Schedule) -> None:
    page = world.client("viewer").get("/oncall/primary/?at=2026-11-10T12:00").content.decode()
    assert "<b>nobody</b> at" in page  # the schedule was made on the 17th: before it there was none


def test_a_note_is_left_and_a_long_one_refused(world: worlds.World, schedule: Schedule) -> None:
    client = world.client("responder")
    client.post("/oncall/primary/note/", {"text": "Mind replica 3."})
    client.post("/oncall/primary/note/", {"text": "x" * 5000})
    assert HandoverNote.objects.get().text == "Mind replica 3."
    assert "Mind replica 3." in client.get("/oncall/primary/").content.decode()


def test_an_administrator_makes_and_edits_a_schedule_as_a_document(world: worlds.World) -> None:
    client = world.client("admin")
    person = world.people["responder"].username
    text = f"zone: UTC\nlayers:\n  - {{name: all, starts: 2026-01-05T09:00, members: [{{people: [{person}]}}]}}\n"
    form = {"name": "Night watch", "document": text, "covers_always": "on"}
    assert client.post("/oncall/new/", form)["Location"] == "/oncall/night-watch/"
    assert person in client.get("/oncall/night-watch/edit/").content.decode()
    bad = client.post("/oncall/night-watch/edit/", {**form, "document": text.replace(person, "zoe")})
    assert "zoe does not belong to" in bad.content.decode()
    assert world.client("responder").post("/oncall/new/", form).status_code == 403


def test_the_rest_interface_does_what_the_pages_do(world: worlds.World, schedule: Schedule) -> None:
    client = world.client("responder")
    api = "/api/v1"
    [entry] = client.get(f"{api}/oncall").json()
    assert (entry["schedule"], entry["shift"]["source"]) == ("primary", "weekly")
    asked = {"start": NOW.isoformat(), "end": (NOW + 30 * DAY).isoformat()}
    shifts = client.get(f"{api}/schedules/primary/shifts", asked).json()
    assert [one["start"] for one in shifts][1] == "2026-11-23T09:00:00Z"
    assert client.get(f"{api}/schedules/primary/gaps", asked).json() == []
    person = world.people["responder"].username
    body = {"username": person, "starts_at": (NOW + DAY).isoformat(), "ends_at": (NOW + 2 * DAY).isoformat()}
    made = client.post(f"{api}/schedules/primary/overrides", body, content_type="application/json")
    again = client.post(f"{api}/schedules/primary/overrides", body, content_type="application/json")
    assert (made.status_code, again.status_code) == (201, 409)
    assert "already has" in again.json()["detail"]
    assert client.delete(f"{api}/schedules/primary/overrides/{made.json()['id']}").json()["cancelled_at"] is not None
    assert (
        client.post(f"{api}/schedules/primary/notes", {"text": "hi"}, content_type="application/json").status_code
        == 201
    )
    assert client.post(f"{api}/schedules/primary/feed").json()["address"].endswith(".ics")
    assert client.get(f"{api}/schedules/none").status_code == 404
    assert client.delete(f"{api}/schedules/primary").status_code == 403


def test_schedules_and_policies_are_put_whole(world: worlds.World, schedule: Schedule) -> None:
    client = world.client("admin")
    document = client.get("/api/v1/schedules/primary").json()["document"]
    document["layers"][0]["every"] = 2
    put = client.put(
        "/api/v1/schedules/primary", {"name": "Primary", "document": document}, content_type="application/json"
    )
    assert put.status_code == 200
    assert client.get("/api/v1/schedules/primary").json()["document"]["layers"][0]["every"] == 2
    wrong = client.put(
        "/api/v1/schedules/x", {"name": "X", "document": {"layers": []}}, content_type="application/json"
    )
    assert wrong.status_code == 422
    steps = [{"targets": [{"kind": "schedule", "name": "primary"}], "after_seconds": 120}]
    policy = client.put("/api/v1/policies/night", {"name": "Night", "steps": steps}, content_type="application/json")
    assert (policy.status_code, len(policy.json()["steps"][0]["now"])) == (200, 1)
    missing = [{"targets": [{"kind": "schedule", "name": "none"}]}]
    refused = client.put("/api/v1/policies/x", {"name": "X", "steps": missing}, content_type="application/json")
    assert (refused.status_code, refused.json()["detail"]) == (409, "There is no schedule none; there are: primary.")
    assert {one["slug"] for one in client.get("/api/v1/policies").json()} == {"inference", "night"}
    assert client.delete("/api/v1/policies/night").status_code == 204


def test_a_swap_is_asked_and_taken_over_rest(world: worlds.World, schedule: Schedule) -> None:
    document = schedule.versions.get().document
    names = [member["people"][0] for member in document["layers"][0]["members"]]
    asker, taker = (User.objects.get(username=name) for name in (names[0], names[2]))
    asking, taking = Client(), Client()
    asking.force_login(asker)
    taking.force_login(taker)
    start = NOW.replace(day=23, hour=9)  # the fourth week is the first one's again
    body = {"starts_at": start.isoformat(), "ends_at": (start + DAY).isoformat(), "taker": taker.username}
    swap = asking.post("/api/v1/schedules/primary/swaps", body, content_type="application/json")
    if swap.status_code == 403:  # that person's role only looks
        return
    assert taking.post(f"/api/v1/swaps/{swap.json()['id']}/accept").status_code in {200, 403}
    assert Swap.objects.count() == 1


def test_my_rules_and_quiet_hours_are_mine_to_set(world: worlds.World) -> None:
    client = world.client("responder")
    pager = world.people["responder"].pager_endpoints.get()
    rules = [{"endpoint_id": pager.pk, "after_seconds": 60, "mildest_severity": 3}]
    assert client.put("/api/v1/me/rules", rules, content_type="application/json").json() == rules
    quiet = {"hours": [{"start": "22:00", "minutes": 540}], "comes_through": 1}
    assert client.put("/api/v1/me/quiet-hours", quiet, content_type="application/json").status_code == 200
    assert client.get("/api/v1/me/quiet-hours").json()["comes_through"] == 1
