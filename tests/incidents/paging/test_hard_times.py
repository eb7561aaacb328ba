"""What used to keep a page from somebody: a person who left, an address with a typo, an answer nobody expected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from incidents.paging import services
from incidents.paging.models import AckLink, Page, PagerEndpoint
from incidents.paging.services import escalate
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import outbound, permissions
from observability.core.models import Membership, User
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.conftest import World


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def recipients(world: World) -> list[str]:
    return [m["recipient"] for phone in (world.phone_of_ana, world.phone_of_ben) for m in phone.messages]


def test_a_person_with_a_long_name_can_acknowledge(world: World) -> None:
    name = "maximiliane.von-hohenstein-oberhausen@reliability.engineering.example.com"
    incident = world.incident()
    actor = permissions.of(factories.make_user(world.organisation, username=name), world.organisation)
    assert response.acknowledge(incident=incident, actor=actor, now=at(1)).state == "acknowledged"


def test_a_deleted_person_holds_up_nobodys_escalation(world: World) -> None:
    first = world.incident()
    services.deliver_due(now=NOW)
    carla = factories.make_user(world.organisation, username="carla")
    factories.make_pager(carla, world.organisation, url=world.phone_of_ana.url)
    factories.make_policy(world.organisation, world.ana, world.ben, carla, repeats=1)
    second = world.incident()
    world.ben.delete()
    services.escalate_due(now=at(300))
    services.deliver_due(now=at(300))
    # Ben is passed over at once: in the first incident Ana is told again, in the second it is Carla's turn.
    assert sorted(Page.objects.filter(state="sent").values_list("incident", "user__username")) == [
        (first.pk, "ana"), (first.pk, "ana"), (second.pk, "ana"), (second.pk, "carla"),
    ]  # fmt: skip


def test_one_step_that_fails_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    broken, well = world.incident(), world.incident()
    advance = escalate.advance

    def fails_for_one(*, incident: Incident, now: datetime) -> None:
        if incident.pk == broken.pk:
            raise ValueError("no")
        advance(incident=incident, now=now)

    monkeypatch.setattr(escalate, "advance", fails_for_one)
    services.escalate_due(now=at(300))
    assert Page.objects.filter(user=world.ben).values_list("incident", flat=True).get() == well.pk
    assert "could not be taken" in caplog.text
    services.audit_pages(now=at(1000))


@pytest.mark.parametrize(
    "url", ["http://pager..example.com/", "http://127.0.0.1:99999/", "http://" + "a" * 70 + ".example/", "http://[::1/"]
)
def test_an_address_with_a_typo_fails_its_own_page_only_and_doubles_none(world: World, url: str) -> None:
    world.incident()
    services.deliver_due(now=NOW)
    PagerEndpoint.objects.filter(user=world.ben).update(url=url)
    services.escalate_due(now=at(300))
    world.incident()
    services.deliver_due(now=at(300))
    services.deliver_due(now=at(500))
    assert recipients(world) == ["Ana", "Ana"]
    assert Page.objects.get(user=world.ben).state == Page.State.FAILED


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"Retry-After": "9" * 400}, b""), ({"Retry-After": "86400000000000"}, b""), ({}, b"a \x00 in the answer")],
    ids=["a wait beyond all numbers", "a wait beyond the calendar", "NUL"],
)
def test_no_answer_of_a_receiver_keeps_the_try_from_being_written_down(
    world: World, headers: Mapping[str, str], body: bytes
) -> None:
    world.incident()

    def busy(**_given: object) -> outbound.Answer:
        return outbound.Answer(503, body, headers)

    services.deliver_due(now=NOW, transport=busy)
    page = Page.objects.get()
    assert (page.recorded, page.lease_until, page.deliveries.count()) == (1, None, 1)
    assert page.due_at <= at(301)


def test_a_fault_of_our_own_is_written_down_and_tried_again(world: World) -> None:
    world.incident()

    def breaks(**_given: object) -> outbound.Answer:
        raise RuntimeError("a bug")

    services.deliver_due(now=NOW, transport=breaks)
    page = Page.objects.get()
    assert (page.state, page.recorded, page.deliveries.get().error) == ("pending", 1, "RuntimeError: a bug")
    services.deliver_due(now=page.due_at)
    assert world.phone_of_ana.messages[0]["repeated"]


def test_who_is_put_on_call_hears_of_what_was_open_before(db: None, loopback: None) -> None:
    """A fresh installation: the first incident comes before the first policy, and the policy before the pager."""
    acme = factories.make_organisation("acme")
    incident = response.page(incident=factories.make_incident(factories.make_service(acme)), now=NOW)
    ana = factories.make_user(acme, username="ana")
    factories.make_policy(acme, ana, repeats=0)
    assert services.audit_pages(now=at(60)).mended == 0
    assert incident.timeline.filter(kind="delivery_failed").count() == 1
    factories.make_pager(ana, acme, url="http://127.0.0.1:1/")
    assert services.audit_pages(now=at(120)).mended == 1
    assert Page.objects.get().user == ana
    assert services.audit_pages(now=at(180)).mended == 0


def test_who_was_told_is_not_told_again_for_a_new_pager(world: World) -> None:
    incident = world.incident()
    services.deliver_due(now=NOW)
    for seconds in (300, 600, 900):
        services.escalate_due(now=at(seconds))
        services.deliver_due(now=at(seconds))
    factories.make_pager(world.ana, world.organisation, url="http://127.0.0.1:1/", name="Another")
    assert services.audit_pages(now=at(3600)).mended == 0
    assert incident.pages.count() == 4


def test_a_policy_of_people_who_left_gives_way_to_the_next(world: World) -> None:
    chat = factories.make_service(world.organisation)
    left, gone = (factories.make_user(world.organisation) for _ in range(2))
    factories.make_policy(world.organisation, left, gone, service=chat)
    User.objects.filter(pk=left.pk).update(is_active=False)
    Membership.objects.filter(user=gone).delete()
    response.page(incident=factories.make_incident(chat), now=NOW)
    services.deliver_due(now=NOW)
    assert recipients(world) == ["Ana"]


def test_who_left_while_it_escalates_is_passed_over(world: World) -> None:
    world.incident()
    services.deliver_due(now=NOW)
    User.objects.filter(pk=world.ben.pk).update(is_active=False)
    services.escalate_due(now=at(300))
    services.deliver_due(now=at(300))
    assert recipients(world) == ["Ana", "Ana"]


def test_the_link_of_who_left_is_worth_nothing(world: World) -> None:
    world.incident()
    services.deliver_due(now=NOW)
    token = world.phone_of_ana.messages[0]["links"]["acknowledge"].split("/ack/")[1].strip("/")
    User.objects.filter(pk=world.ana.pk).update(is_active=False)
    with pytest.raises(permissions.NotAllowed):
        response.acknowledge_by_link(token=token, now=at(1))
    assert AckLink.objects.get().used_at is None


def test_guesses_of_others_behind_the_same_proxy_keep_nobody_from_answering(world: World, client: Client) -> None:
    cache.clear()
    incident = world.incident()
    services.deliver_due(now=NOW)
    for number in range(40):
        client.get(f"/ack/guess-{number}/")
    AckLink.objects.update(expires_at=datetime.max.replace(tzinfo=NOW.tzinfo) - timedelta(days=1))
    answer = client.post("/ack/" + world.phone_of_ana.messages[0]["links"]["acknowledge"].split("/ack/")[1])
    incident.refresh_from_db()
    assert (answer.status_code, incident.state) == (200, "acknowledged")
    cache.clear()


def test_what_is_open_anew_under_another_number_cannot_be_reopened(world: World) -> None:
    old = response.page(
        incident=factories.make_incident(factories.make_service(world.organisation), group_key="service:1"), now=NOW
    )
    actor = permissions.system(world.organisation)
    response.resolve(incident=old, actor=actor, now=at(1))
    factories.make_incident(old.service, group_key="service:1")
    with pytest.raises(response.MoveRefused, match="another incident of the same cause is open"):
        response.reopen(incident=old, actor=actor, now=at(2))


def test_a_receiver_that_keeps_to_idempotency_keys_drops_copies_and_no_other_message(world: World) -> None:
    """Both phones may hang on one gateway; an escalation or a resolution under the key of the first page would be lost."""
    incident = world.incident()
    services.deliver_due(now=NOW)
    services.escalate_due(now=at(300))
    services.deliver_due(now=at(300))
    response.resolve(incident=incident, actor=permissions.system(world.organisation), now=at(400))
    services.deliver_due(now=at(400))
    received = [*world.phone_of_ana.received, *world.phone_of_ben.received]
    assert len({one.headers["idempotency-key"] for one in received}) == len(received) == 4
    assert len({one.message["dedup_key"] for one in received}) == 1
