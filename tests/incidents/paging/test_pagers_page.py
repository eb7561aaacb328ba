"""The pagers page and its REST twin."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.paging.channels import CHANNELS
from incidents.paging.models import Carrier, PagerEndpoint, SlackApp
from observability.core.models import Role
from tests import factories
from tests.incidents.paging.conftest import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


@pytest.fixture
def admin(world: World) -> Client:
    client = Client()
    client.force_login(factories.make_user(world.organisation, username="root", role=Role.ADMIN))
    return client


def test_the_page_asks_the_same_of_the_database_for_one_pager_and_for_three(world: World, admin: Client):
    admin.get("/pagers/")
    with CaptureQueriesContext(connection) as few:
        admin.get("/pagers/")
    for name in ("a", "b", "c"):
        person = factories.make_user(world.organisation, username=f"p{name}")
        factories.make_pager(person, world.organisation, url="https://x.example", name=name)
    with CaptureQueriesContext(connection) as many:
        page = admin.get("/pagers/").content.decode()
    assert "of Pc" in page
    assert len(many) == len(few)


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "demo"])
def test_each_kind_has_a_form_that_asks_for_what_it_needs(admin: Client, kind: str):
    form = admin.get(f"/pagers/add/{kind}/").content.decode()
    channel = CHANNELS[kind]
    for asked in (channel.asks_url, channel.asks_address, channel.asks_key):
        assert asked in form


def test_a_webhook_is_added_and_its_secret_shown_once(admin: Client):
    given = {"name": "Phone", "url": "https://pager.example/x", "user": admin.session["_auth_user_id"]}
    page = admin.post("/pagers/add/webhook/", given).content.decode()
    made = PagerEndpoint.objects.get(name="Phone", url="https://pager.example/x")
    assert made.secret in page
    assert made.secret not in admin.get("/pagers/").content.decode()


def test_a_wrong_number_comes_back_with_what_is_expected(admin: Client):
    answer = admin.post(
        "/pagers/add/sms/", {"name": "Mobile", "address": "0664", "user": admin.session["_auth_user_id"]}
    )
    assert answer.status_code == 422
    assert "+436641234567" in answer.content.decode()


def test_who_does_not_manage_pagers_adds_no_apprise_and_no_carrier(world: World):
    client = Client()
    client.force_login(world.ana)
    assert client.get("/pagers/add/apprise/").status_code == 403
    given = {"name": "T", "url": "https://x.example", "account": "A", "secret": "s", "sender": "+1", "position": "1"}
    assert client.post("/pagers/carriers/", given).status_code == 403
    assert not Carrier.objects.exists()


def test_carriers_and_the_slack_app_are_set_on_the_page(admin: Client):
    given = {
        "name": "T",
        "url": "https://x.example",
        "account": "A",
        "secret": "s3cret",
        "sender": "+1",
        "position": "1",
    }
    admin.post("/pagers/carriers/", given)
    admin.post("/pagers/slack-app/", {"signing_secret": "shh"})
    assert Carrier.objects.get().secret == "s3cret"
    assert SlackApp.objects.get().signing_secret == "shh"
    assert "s3cret" not in admin.get("/pagers/").content.decode()


def test_a_pager_is_added_tested_and_switched_off_over_rest(world: World):
    client = Client()
    client.force_login(world.ana)
    PagerEndpoint.objects.filter(user=world.ana).delete()
    body = {"kind": "webhook", "name": "Phone", "user": "ana", "url": world.phone_of_ana.url}
    made = client.post("/api/v1/pagers", body, content_type="application/json")
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    assert made.json()["secret"]
    assert client.post(f"/api/v1/pagers/{pk}/test").json() == {"delivered": True, "said": "delivered"}
    assert client.post(f"/api/v1/pagers/{pk}/disable").json()["enabled"] is False
    assert client.post(f"/api/v1/pagers/{pk}/test").status_code == 409
    assert "secret" not in client.get("/api/v1/pagers").json()["items"][0]
    wrong = client.post(
        "/api/v1/pagers", {"kind": "sms", "name": "M", "user": "ana", "address": "1"}, content_type="application/json"
    )
    assert wrong.status_code == 422
    assert "international form" in wrong.json()["detail"]


def test_pages_are_listed_with_their_tries_over_rest(world: World, client: Any):
    from incidents.paging import services
    from tests.factories import NOW

    world.incident()
    services.deliver_due(now=NOW)
    client.force_login(world.ana)
    (page,) = client.get("/api/v1/pages?state=sent").json()["items"]
    assert (page["recipient"], page["channel"], page["tries"][0]["outcome"]) == ("Ana", "webhook", "accepted")
