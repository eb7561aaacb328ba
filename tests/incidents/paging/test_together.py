"""Storms, outages of a vendor, rooms, and a vendor that escalates instead of us."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from incidents.paging import services
from incidents.paging.channels import CHANNELS
from incidents.paging.endpoints import services as endpoints
from incidents.paging.endpoints.services import Entered
from incidents.paging.models import EscalationStep, Page, PagerEndpoint
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import permissions
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.conftest import World
from tests.incidents.paging.test_vendors import carrier, only
from tests.incidents.paging.vendors import Vendor, vendor

pytestmark = pytest.mark.django_db


@pytest.fixture
def there() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


def storm(world: World, count: int) -> list[Incident]:
    services_ = [factories.make_service(world.organisation, slug=f"s{i}") for i in range(count)]
    return [response.page(incident=factories.make_incident(one), now=NOW) for one in services_]


def room(world: World, there: Vendor, **given: Any) -> None:
    entered = Entered(**({"kind": "webhook", "name": "Room", "user": None, "url": there.url} | given))
    endpoints.add(
        organisation=world.organisation, entered=entered, actor=permissions.system(world.organisation), now=NOW
    )


def test_a_storm_is_one_text_that_counts_the_rest(world: World, there: Vendor):
    only(world, kind="sms", address="+436641234567")
    carrier(world, there)
    there.answer(201, b'{"sid": "SM1"}')
    storm(world, 5)
    services.deliver_due(now=NOW)
    assert len(there.requests) == 1
    assert "And 4 more: INC-2" in there.requests[0].form["Body"]
    mine = Page.objects.filter(user=world.ana)
    assert {page.state for page in mine} == {"sent"}
    assert sum("told together with page" in one.deliveries.get().error for one in mine) == 4


def test_a_storm_by_phone_is_a_call_for_each_that_says_which(world: World, there: Vendor, client: Any):
    only(world, kind="voice", address="+436641234567")
    carrier(world, there)
    for number in range(3):
        there.answer(201, b'{"sid": "CA%d"}' % number)
    storm(world, 3)
    services.deliver_due(now=NOW)
    assert len({request.form["Url"] for request in there.requests}) == 3
    assert Page.objects.filter(user=world.ana, state="sent").count() == 3


def test_that_somebody_is_asked_to_join_is_not_swallowed_by_what_comes_after_it(world: World):
    incident = world.incident()
    services.deliver_due(now=NOW)
    phone = PagerEndpoint.objects.filter(user=world.ben)
    for kind in (Page.Kind.OPENED, Page.Kind.ASKED, Page.Kind.REMINDED):
        services.write_pages(incident=incident, endpoints=phone, kind=kind, reason="x", decision=kind, now=NOW)
    services.deliver_due(now=NOW)
    states = dict(Page.objects.filter(user=world.ben).values_list("kind", "state"))
    assert states == {"opened": "cancelled", "asked": "sent", "reminded": "sent"}


def test_a_text_that_failed_is_put_together_anew_without_what_was_answered_and_with_what_came_since(
    world: World, there: Vendor
):
    only(world, kind="sms", address="+436641234567")
    carrier(world, there)
    there.answer(500, b"")
    there.answer(201, b'{"sid": "SM1"}')
    _, second, *_ = storm(world, 4)
    services.deliver_due(now=NOW)
    response.acknowledge(incident=second, actor=permissions.of(world.ben, world.organisation), now=NOW)
    later = NOW + timedelta(seconds=6)
    response.page(incident=factories.make_incident(factories.make_service(world.organisation, slug="new")), now=later)
    services.deliver_due(now=later)
    first, again = (one.form["Body"] for one in there.requests)
    assert "And 3 more: INC-2 (SEV2), INC-3 (SEV2), INC-4 (SEV2)" in first
    assert "And 3 more: INC-3 (SEV2), INC-4 (SEV2), INC-5 (SEV2)" in again
    assert "INC-2" not in again
    assert set(Page.objects.filter(incident=second).values_list("state", flat=True)) == {"cancelled"}
    assert set(Page.objects.exclude(incident=second).values_list("state", flat=True)) == {"sent"}


def test_a_webhook_gets_every_page_of_a_storm(world: World, there: Vendor):
    only(world, kind="webhook", url=there.url)
    storm(world, 5)
    services.deliver_due(now=NOW)
    assert {one.json["incident"]["number"] for one in there.requests} == {1, 2, 3, 4, 5}


def test_an_endpoint_gets_no_more_a_minute_than_it_takes(world: World, there: Vendor, monkeypatch: Any):
    from dataclasses import replace

    monkeypatch.setitem(CHANNELS, "webhook", replace(CHANNELS["webhook"], per_minute=2))
    only(world, kind="webhook", url=there.url)
    storm(world, 5)
    for seconds, sent in ((0, 2), (30, 2), (61, 4), (125, 5)):
        services.deliver_due(now=NOW + timedelta(seconds=seconds))
        assert len(there.requests) == sent, seconds
    assert {page.state for page in Page.objects.filter(user=world.ana)} == {"sent"}


def test_after_an_outage_one_page_an_incident_comes_and_none_of_what_is_over(world: World, there: Vendor):
    only(world, kind="webhook", url=there.url)
    first, second = storm(world, 2)
    actor = permissions.of(world.ben, world.organisation)
    there.answers += [(503, b"", {})] * 2
    services.deliver_due(now=NOW)
    response.change_severity(incident=first, severity=Severity.SEV1, actor=actor, now=NOW + timedelta(seconds=1))
    response.resolve(incident=second, actor=actor, now=NOW + timedelta(seconds=2))
    services.deliver_due(now=NOW + timedelta(minutes=4))
    came = [(one.json["kind"], one.json["incident"]["number"]) for one in there.requests[2:]]
    assert came.count(("raised", 1)) == 1
    assert ("opened", 1) not in came
    assert ("opened", 2) not in came


def test_a_room_hears_what_opens_who_is_on_it_and_that_it_is_over(world: World, there: Vendor):
    room(world, there, kind="slack", url="", secret=there.url)
    incident = world.incident()
    assert incident.service is not None
    services.deliver_due(now=NOW)
    actor = permissions.of(world.ana, world.organisation)
    response.acknowledge(incident=incident, actor=actor, now=NOW)
    services.deliver_due(now=NOW)
    response.resolve(incident=incident, actor=actor, now=NOW)
    services.deliver_due(now=NOW)
    lines = [one.json["text"].split(":")[0] for one in there.requests]
    assert lines == ["SEV2 INC-1 " + incident.service.slug, "Acknowledged", "Resolved"]
    assert "/ack/" not in there.requests[0].body.decode()  # nobody's own link


def test_a_room_of_a_service_hears_that_service_only(world: World, there: Vendor):
    other = factories.make_service(world.organisation, slug="other")
    room(world, there, service=other)
    world.incident()
    services.deliver_due(now=NOW)
    assert there.requests == []


def test_where_pagerduty_escalates_we_do_not(world: World, there: Vendor):
    room(world, there, kind="pagerduty", secret="R" * 32, escalates=True)
    there.answer(202)
    incident = world.incident()
    services.deliver_due(now=NOW)
    assert len(there.requests) == 1
    assert not EscalationStep.objects.exists()
    assert incident.escalation == {"outside": "Room"}
    assert services.audit_pages(now=NOW + timedelta(minutes=10)).clean


def test_where_pagerduty_cannot_be_told_we_escalate_after_all(world: World, there: Vendor):
    room(world, there, kind="pagerduty", secret="R" * 32, escalates=True)
    there.answer(400, b"invalid key")
    world.incident()
    services.deliver_due(now=NOW)
    services.audit_pages(now=NOW + timedelta(minutes=1))
    services.deliver_due(now=NOW + timedelta(minutes=1))
    assert len(world.phone_of_ana.messages) == 1
