from __future__ import annotations

import re
from datetime import timedelta

import orjson
import pytest
from django.core.cache import cache
from django.test import Client

from incidents.paging import queries, services
from incidents.paging.models import AckLink, DemoMessage, Page
from incidents.paging.signature import HEADER, sign
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import clock, permissions
from observability.core.models import Membership, Role
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.conftest import World

pytestmark = [pytest.mark.usefixtures("frozen_now"), pytest.mark.urls("incidents.paging.urls")]


@pytest.fixture(autouse=True)
def fresh_counts():
    cache.clear()


@pytest.fixture
def address(world: World) -> str:
    """The acknowledge address that Ana's phone received."""
    world.incident()
    services.deliver_due(now=NOW)
    (message,) = world.phone_of_ana.messages
    return re.sub(r"^https?://[^/]+", "", message["links"]["acknowledge"])


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode().split("<main")[1]).split())


@pytest.mark.parametrize("method", ["get", "head"])
def test_whoever_only_opens_the_link_changes_nothing(client: Client, address: str, method: str) -> None:
    for _ in range(3):
        answer = getattr(client, method)(address)
        assert answer.status_code == 200
    assert Incident.objects.get().state == "open"
    assert AckLink.objects.get().used_at is None
    assert set(Incident.objects.get().timeline.values_list("kind", flat=True)) == {"opened", "paged"}


def test_the_page_has_one_button_and_keeps_its_address_to_itself(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.content.count(b"<button") == 1
    assert "Acknowledge as Ana" in text(answer)
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert "noindex" in answer["X-Robots-Tag"]


def test_post_acknowledges_as_that_person_without_login_or_csrf_token(world: World, address: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(address)
    incident = Incident.objects.get()
    assert (answer.status_code, incident.state, incident.acknowledged_by) == (200, "acknowledged", world.ana)
    assert "Acknowledged as Ana" in text(answer)
    entry = incident.timeline.get(kind="acknowledged")
    assert (entry.actor_user, entry.actor_kind, entry.payload["through"]) == (
        world.ana,
        "link",
        f"link of page {Page.objects.get().pk}",
    )


def test_a_used_link_says_so_in_words(client: Client, address: str) -> None:
    client.post(address)
    for answer in (client.get(address), client.post(address)):
        assert answer.status_code == 200
        assert "This link was used at 10:00:00 UTC. INC-1 is acknowledged, acknowledged by Ana." in text(answer)
    assert Incident.objects.get().timeline.filter(kind="acknowledged").count() == 1


def test_an_expired_link_says_so_in_words(client: Client, address: str) -> None:
    with clock.frozen(NOW + timedelta(hours=24)):
        for answer in (client.get(address), client.post(address)):
            assert answer.status_code == 410
            assert "This link expired at 2026-11-18 10:00 UTC." in text(answer)
    assert Incident.objects.get().state == "open"


def test_an_unknown_link_says_so_in_words(client: Client, db: None) -> None:
    for answer in (client.get("/ack/nonsense/"), client.post("/ack/nonsense/")):
        assert answer.status_code == 404
        assert "This link is not known" in text(answer)


def test_guessing_is_slowed_down_softly(client: Client, address: str) -> None:
    codes = [client.get(f"/ack/guess-{number}/").status_code for number in range(31)]
    assert codes == [404] * 30 + [429]
    cache.clear()
    assert client.get(address).status_code == 200


def test_somebody_else_was_faster(world: World, client: Client, address: str) -> None:
    ben = permissions.of(world.ben, world.organisation)
    response.acknowledge(incident=Incident.objects.get(), actor=ben, now=NOW)
    assert "Already acknowledged by Ben. Nobody else is called." in text(client.get(address))
    client.post(address)
    assert Incident.objects.get().acknowledged_by == world.ben


def test_a_resolved_incident_needs_no_answer(world: World, client: Client, address: str) -> None:
    ben = permissions.of(world.ben, world.organisation)
    response.resolve(incident=Incident.objects.get(), actor=ben, now=NOW)
    assert "INC-1 is resolved since 10:00:00 UTC" in text(client.get(address))
    assert "INC-1 is resolved since 10:00:00 UTC" in text(client.post(address))
    assert Incident.objects.get().state == "resolved"


def test_who_lost_the_role_is_told(world: World, client: Client, address: str) -> None:
    Membership.objects.filter(user=world.ana).update(role=Role.VIEWER)
    answer = client.post(address)
    assert (answer.status_code, Incident.objects.get().state) == (403, "open")
    assert "Not acknowledged. ana is viewer here and may not acknowledge" in text(answer)


def test_two_people_two_links(world: World, client: Client, address: str) -> None:
    services.escalate_due(now=NOW + timedelta(minutes=5))
    services.deliver_due(now=NOW + timedelta(minutes=5))
    hashes = set(AckLink.objects.values_list("token_hash", "user__username"))
    assert {name for _, name in hashes} == {"ana", "ben"}
    assert all(token_hash not in address for token_hash, _ in hashes)


@pytest.fixture
def inbox(world: World, live_server, settings) -> str:
    """Ana's demo pager, at this very server."""
    settings.TAILWATCH_BASE_URL = live_server.url.replace("localhost", "127.0.0.1")
    endpoint = services.add_demo_pager(
        organisation=world.organisation, user=world.ana, actor=permissions.system(world.organisation), now=NOW
    )
    return endpoint.url


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_demo_pager_receives_over_real_http(world: World, inbox: str) -> None:
    world.incident()
    services.deliver_due(now=NOW)
    (message,) = queries.demo_messages(organisation=world.organisation)
    assert (message.payload["kind"], message.dedup_key) == ("opened", "tailwatch-acme-INC-1")
    assert message.endpoint.user == world.ana
    assert message.payload["links"]["acknowledge"]
    again = services.add_demo_pager(
        organisation=world.organisation, user=world.ana, actor=permissions.system(world.organisation), now=NOW
    )
    assert again.url == inbox


def test_the_demo_inbox_keeps_only_what_is_signed(world: World, client: Client) -> None:
    endpoint = services.add_demo_pager(
        organisation=world.organisation, user=world.ana, actor=permissions.system(world.organisation), now=NOW
    )
    path = re.sub(r"^https?://[^/]+", "", endpoint.url)
    body = orjson.dumps({"dedup_key": "k"})
    good = sign(secret=endpoint.secret, body=body, at=1)

    def post(where: str, content: bytes, signature: str) -> int:
        headers = {HEADER: signature}
        return client.post(where, content, content_type="application/json", headers=headers).status_code

    assert post(path, body, "t=1,v1=00") == 403
    assert post("/demo/pager/inbox/other/", body, good) == 403
    assert post(path, b"[]", sign(secret=endpoint.secret, body=b"[]", at=1)) == 400
    assert post(path, b"{", good) == 400
    assert post(path, b"{}" + b" " * 70_000, good) == 413
    assert client.get(path).status_code == 405
    assert DemoMessage.objects.count() == 0
    assert post(path, body, good) == 204
    assert DemoMessage.objects.get().payload == {"dedup_key": "k"}


def test_a_pagers_secret_is_encrypted_in_the_database(world: World) -> None:
    from django.db import connection

    endpoint, secret = services.add_endpoint(
        organisation=world.organisation,
        user=world.ana,
        url="https://pager.example/x",
        name="Second",
        actor=permissions.system(world.organisation),
        now=NOW,
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM incidents_pagerendpoint WHERE id = %s", [endpoint.pk])
        (stored,) = cursor.fetchone()
    assert secret not in stored
    endpoint.refresh_from_db()
    assert endpoint.secret == secret


def test_only_administrators_add_pagers_of_others(world: World) -> None:
    from observability.core.permissions import NotAllowed

    actor = permissions.of(world.ana, world.organisation)
    with pytest.raises(NotAllowed):
        services.add_endpoint(
            organisation=world.organisation, user=world.ben, url="https://x.example", actor=actor, now=NOW
        )
    assert factories.make_organisation("acme").pager_endpoints.count() == 2


def test_the_same_link_resolves_once_it_has_acknowledged(world: World, address: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert b'value="resolve"' not in browser.get(address).content
    assert b'value="resolve"' in browser.post(address).content
    answer = browser.post(address, {"verb": "resolve"})
    incident = Incident.objects.get()
    assert (answer.status_code, incident.state) == (200, "resolved")
    assert "Resolved as Ana" in text(answer)
    assert incident.timeline.get(kind="resolved").actor_user == world.ana


def test_an_expired_link_resolves_nothing(world: World, address: str) -> None:
    Client().post(address)
    AckLink.objects.update(expires_at=NOW)
    assert Client().post(address, {"verb": "resolve"}).status_code == 410
    assert Incident.objects.get().state == "acknowledged"
