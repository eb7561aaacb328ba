"""A person's own page: what rings after how long, quiet hours, a test of each pager."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from incidents.paging.models import PagerEndpoint
from incidents.paging.rules.models import NotificationRule, QuietHours
from incidents.paging.rules.plan import Rule
from incidents.paging.rules.rings import rings
from tests import factories, worlds
from tests.factories import NOW


def test_rings_say_what_a_page_would_do_now() -> None:
    rules = [Rule(1, 0), Rule(2, 120, 2)]
    both = {
        (one.severity.name, one.mildest.name): one
        for one in rings(names={1: "Push", 2: "Call"}, rules=rules, quiet=None, now=NOW)
    }
    assert [(ring.after_seconds, ring.pagers) for ring in both["SEV1", "SEV2"].rings] == [
        (0, ("Push",)),
        (120, ("Call",)),
    ]
    assert [ring.pagers for ring in both["SEV3", "SEV5"].rings] == [("Push",)]


@pytest.fixture
def world(db: None, frozen_now: Any) -> worlds.World:
    return worlds.small_world(now=NOW)


@pytest.fixture
def client(world: worlds.World) -> Client:
    client = Client()
    client.force_login(world.people["responder"])
    return client


def test_rules_are_set_taken_out_and_shown(world: worlds.World, client: Client) -> None:
    person = world.people["responder"]
    push = person.pager_endpoints.get()
    call = factories.make_pager(person, world.organisation, url="https://x.example", name="Loud")
    form = {"rule-pager": [push.pk, call.pk, ""], "rule-wait": ["", "1.5", ""], "rule-severity": ["5", "2", "5"]}
    assert client.post("/me/paging/rules/", {**form, "do": "save"}).status_code == 302
    assert list(NotificationRule.objects.values_list("endpoint", "after_seconds", "mildest_severity")) == [
        (push.pk, 0, 5), (call.pk, 90, 2),
    ]  # fmt: skip
    assert 'Loud</b> <span class="muted">after 1 min' in client.get("/me/paging/").content.decode()
    client.post("/me/paging/rules/", {**form, "do": "out-1"})
    assert NotificationRule.objects.get().endpoint == call


def test_what_is_wrong_comes_back_as_it_was_typed(world: worlds.World, client: Client) -> None:
    pager = world.people["responder"].pager_endpoints.get()
    form = {"rule-pager": [pager.pk], "rule-wait": ["soon"], "rule-severity": ["5"]}
    answer = client.post("/me/paging/rules/", form)
    assert (answer.status_code, 'value="soon"' in answer.content.decode()) == (422, True)
    other = PagerEndpoint.objects.exclude(user=world.people["responder"]).first()
    stolen = {**form, "rule-pager": [other.pk if other else 0], "rule-wait": ["1"]}
    assert "is none of" in client.post("/me/paging/rules/", stolen).content.decode()
    assert client.post("/me/paging/quiet/", {"quiet0-from": "late", "quiet0-until": "07:00"}).status_code == 422
    assert not NotificationRule.objects.exists()


def test_quiet_hours_hold_what_is_mild_and_can_end(world: worlds.World, client: Client) -> None:
    form = {"quiet0-from": "09:00", "quiet0-until": "12:00", "comes_through": "1", "do": "save"}
    client.post("/me/paging/quiet/", form)
    assert QuietHours.objects.get().hours[0]["minutes"] == 180
    assert client.get("/me/paging/").content.decode().count("held by quiet hours") == 1  # 10:00: SEV2 to SEV5
    client.post("/me/paging/quiet/", {**form, "do": "never"})
    assert not QuietHours.objects.exists()


def test_a_test_from_here_comes_back_here(world: worlds.World, client: Client) -> None:
    pager = world.people["responder"].pager_endpoints.get()
    answer = client.post(f"/pagers/{pager.pk}/test/", {"back": "my_paging"})
    assert answer["Location"] == "/me/paging/"


def test_who_only_looks_is_told_so(world: worlds.World) -> None:
    client = Client()
    client.force_login(world.people["viewer"])
    assert "A page to you would reach no one" in client.get("/me/paging/").content.decode()
    assert client.post("/me/paging/rules/", {}).status_code == 403
