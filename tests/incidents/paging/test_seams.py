"""Where routes, schedules, steps, rules, rooms and delivery meet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import orjson
import pytest

from incidents.alerts import services as alerts
from incidents.ingest import services as ingest
from incidents.ingest.services import Envelope
from incidents.oncall.document import HoursDocument
from incidents.oncall.services import PolicySettings, StepSpec, TargetSpec, save_policy
from incidents.paging import services
from incidents.paging.answers import services as answers
from incidents.paging.endpoints import services as endpoints
from incidents.paging.endpoints.services import Entered
from incidents.paging.models import EscalationStep, Page, PagerEndpoint
from incidents.paging.rules import services as rules
from incidents.paging.rules.plan import Rule
from incidents.response import services as response
from incidents.response.models import Incident, TimelineEntry
from incidents.response.severity import Severity
from incidents.routing import services as routing
from observability.core import permissions
from observability.core.models import User
from observability.core.refusals import Refused
from tests import factories
from tests.factories import NOW
from tests.incidents.ingest.payloads import alert, group
from tests.incidents.paging.conftest import World
from tests.incidents.paging.test_vendors import carrier, only
from tests.incidents.paging.vendors import Vendor, vendor

pytestmark = pytest.mark.django_db
QUIET = [HoursDocument(days=("tue",), start=time(8), minutes=240)]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def there() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


def system(world: World) -> permissions.Actor:
    return permissions.system(world.organisation)


def pager(world: World, person: User | None, **entered: Any) -> PagerEndpoint:
    made, _ = endpoints.add(
        organisation=world.organisation, entered=Entered(user=person, **entered), actor=system(world), now=NOW
    )
    return made


def policy(world: World, *steps: StepSpec, slug: str = "nights", name: str = "Nights", **given: Any) -> None:
    save_policy(
        organisation=world.organisation, slug=slug, name=name, steps=steps,
        given=PolicySettings(**{"repeats": 0, **given}), actor=system(world), now=NOW,
    )  # fmt: skip


def tell(*names: str, **given: Any) -> StepSpec:
    return StepSpec([TargetSpec(*name.split(":")) for name in names], **given)  # type: ignore[arg-type]


def set_rules(world: World, person: User, *wanted: Rule) -> None:
    rules.set_rules(organisation=world.organisation, user=person, rules=wanted, actor=system(world), now=NOW)


def quiet(world: World, person: User) -> None:
    rules.set_quiet_hours(organisation=world.organisation, user=person, hours=QUIET, actor=system(world), now=NOW)


def incident(world: World, severity: Severity = Severity.SEV2) -> Incident:
    made = factories.make_incident(factories.make_service(world.organisation), severity=severity)
    return response.page(incident=made, now=NOW)


def room(world: World, there: Vendor, **given: Any) -> PagerEndpoint:
    return pager(world, None, **{"kind": "pagerduty", "name": "Vendor", "url": there.url, "secret": "R" * 32, **given})


def came(there: Vendor) -> list[str]:
    return [one.json["event_action"] for one in there.requests]


def test_an_alert_reaches_whoever_has_the_schedule_of_the_policy_that_its_route_names(world: World, there: Vendor):
    PagerEndpoint.objects.filter(user=world.ana).delete()
    sms = pager(world, world.ana, kind="sms", name="Phone", address="+436641234567")
    slack = pager(world, world.ana, kind="slack", name="Slack", secret=f"{there.url}/slack")
    hook = pager(world, world.ana, kind="webhook", name="Hook", url=f"{there.url}/hook")
    carrier(world, there)
    set_rules(world, world.ana, Rule(slack.pk, 0), Rule(sms.pk, 0), Rule(hook.pk, 120))
    factories.make_schedule(world.organisation, world.ana)
    policy(world, tell("schedule:primary"), name="Wer nachts aufsteht")
    routes = "routes:\n  - {name: all, match: ['team=\"serving\"'], policy: nights}\n"
    routing.set_routes(organisation=world.organisation, text=routes, actor=system(world), now=NOW)
    sender, _ = factories.make_integration(world.organisation)
    for number in (1, 2):
        firing = group(alert(f"A{number}", since=NOW, team="serving"))
        ingest.receive(integration=sender, envelope=Envelope(orjson.dumps(firing)), now=NOW)
        alerts.pull_findings(now=NOW)
        services.deliver_due(now=NOW)
        PagerEndpoint.objects.filter(pk=sms.pk).update(verified_at=NOW)
    services.deliver_due(now=at(2))
    paths = [one.path.split("/")[1] for one in there.requests]
    # Before the number was verified no text left.
    assert sorted(paths) == ["2010-04-01", "hook", "hook", "slack", "slack"]
    assert set(Page.objects.filter(user=world.ana).values_list("reason", flat=True)) == {
        "first responder, on call in Primary"
    }


def test_what_quiet_hours_hold_back_rings_when_it_turns_into_an_outage(world: World):
    quiet(world, world.ana)
    policy(world, tell("user:ana"), tell("user:ben", after_seconds=3600), is_default=True, slug="default")
    mild = incident(world, Severity.SEV4)
    services.deliver_due(now=at(1))
    assert world.phone_of_ana.messages == []
    response.change_severity(incident=mild, severity=Severity.SEV1, actor=system(world), now=at(2))
    services.deliver_due(now=at(2))
    assert [one["incident"]["severity"] for one in world.phone_of_ana.messages] == [1]


def test_a_worse_severity_rings_the_pagers_that_its_rules_add(world: World, there: Vendor):
    loud = pager(world, world.ana, kind="webhook", name="Siren", url=there.url)
    phone = PagerEndpoint.objects.get(user=world.ana, name="Phone")
    set_rules(world, world.ana, Rule(phone.pk, 0), Rule(loud.pk, 0, mildest_severity=1))
    mild = incident(world)
    services.deliver_due(now=NOW)
    assert there.requests == []
    response.change_severity(incident=mild, severity=Severity.SEV1, actor=system(world), now=at(1))
    services.deliver_due(now=at(1))
    assert [one.json["kind"] for one in there.requests] == ["raised"]


def test_who_is_told_of_an_outage_only_hears_it_when_it_becomes_one_after_the_last_step(world: World):
    policy(world, tell("user:ana"), tell("user:ben", mildest_severity=1), is_default=True, slug="default")
    mild = incident(world)
    services.deliver_due(now=NOW)
    services.escalate_due(now=at(5))
    assert not mild.escalation_steps.filter(state="pending").exists()
    response.change_severity(incident=mild, severity=Severity.SEV1, actor=system(world), now=at(20))
    services.escalate_due(now=at(25))
    services.deliver_due(now=at(25))
    assert len(world.phone_of_ben.messages) == 1


def test_the_auditor_begins_no_run_that_would_ring_nobody_new(world: World):
    PagerEndpoint.objects.filter(user=world.ana).update(url="https://pager..example/")
    policy(world, tell("user:ana"), tell("user:ben", mildest_severity=1), is_default=True, slug="default")
    found = incident(world)
    for minute in range(5):
        services.deliver_due(now=at(minute))
        services.audit_pages(now=at(minute))
    found.refresh_from_db()
    assert found.escalation_run == 1


def test_where_all_pagers_of_the_rules_fail_the_others_ring_once(world: World, there: Vendor):
    PagerEndpoint.objects.filter(user=world.ana).update(url="https://pager..example/")
    pager(world, world.ana, kind="webhook", name="Spare", url=there.url)
    set_rules(world, world.ana, Rule(PagerEndpoint.objects.get(name="Phone", user=world.ana).pk, 0))
    policy(world, tell("user:ana"), is_default=True, slug="default")
    found = incident(world)
    for minute in range(5):
        services.deliver_due(now=at(minute))
        services.audit_pages(now=at(minute))
    found.refresh_from_db()
    assert (found.escalation_run, len(there.requests)) == (2, 1)


def test_that_somebody_is_on_it_is_not_said_after_the_acknowledgement_expired(world: World, there: Vendor):
    room(world, there)
    found = incident(world, Severity.SEV1)
    services.deliver_due(now=NOW)
    there.answer(503)
    response.acknowledge(incident=found, actor=permissions.of(world.ana, world.organisation), now=at(1))
    services.deliver_due(now=at(1))
    Page.objects.filter(kind="acknowledged", state="pending").update(due_at=at(32), give_up_at=at(60))
    response.expire_answers(now=at(31.5))
    services.deliver_due(now=at(31.5))
    services.deliver_due(now=at(32))
    assert came(there) == ["trigger", "acknowledge", "trigger"]


def test_what_pagerduty_keeps_quiet_because_it_was_acknowledged_we_escalate(world: World, there: Vendor):
    room(world, there, escalates=True)
    found = incident(world, Severity.SEV1)
    services.deliver_due(now=NOW)
    response.acknowledge(incident=found, actor=permissions.of(world.ben, world.organisation), now=at(1))
    services.deliver_due(now=at(1))
    assert response.expire_answers(now=at(32)) == 1
    services.deliver_due(now=at(32))
    assert came(there) == ["trigger", "acknowledge"]
    assert len(world.phone_of_ana.messages) == 1


def test_where_pagerduty_takes_nothing_for_five_minutes_we_escalate_instead(world: World, there: Vendor):
    room(world, there, escalates=True)
    incident(world)
    for step in range(40):
        there.answers[:] = [(503, b"", {})] * 3
        services.deliver_due(now=NOW + timedelta(seconds=10 * step))
    services.audit_pages(now=at(7))
    there.answers.clear()
    tries = len(there.requests)
    services.deliver_due(now=at(7))
    assert len(world.phone_of_ana.messages) == 1
    assert len(there.requests) == tries  # never both


@pytest.fixture
def bundle(world: World, there: Vendor) -> list[Incident]:
    only(world, kind="sms", address="+436641234567")
    carrier(world, there)
    there.answer(201, b'{"sid": "SM1"}')
    found = [incident(world) for _ in range(5)]
    services.deliver_due(now=NOW)
    return found


def test_a_text_that_told_five_and_did_not_arrive_tells_the_next_of_all_five(world: World, bundle: list[Incident]):
    lead = Page.objects.filter(user=world.ana).order_by("pk")[0]
    assert answers.reported(page=lead, vendor_key="SM1", status="undelivered", now=at(1))
    assert not answers.reported(page=lead, vendor_key="SM1", status="undelivered", now=at(1))
    services.escalate_due(now=at(1))
    assert EscalationStep.objects.filter(number=2, state="done").count() == len(bundle)


def test_pages_told_together_count_as_one_message_of_what_a_pager_takes(
    world: World, there: Vendor, bundle: list[Incident]
):
    for _ in range(6):
        incident(world)
    services.deliver_due(now=at(0.2))
    incident(world)
    services.deliver_due(now=at(0.3))
    assert len(there.requests) == 3


def test_a_bundle_with_a_page_that_may_have_come_says_that_it_is_a_copy(world: World, there: Vendor):
    only(world, kind="sms", address="+436641234567")
    carrier(world, there)
    for _ in range(3):
        incident(world)
    # A worker that died with them in its hands.
    Page.objects.filter(user=world.ana).update(attempts=1, recorded=0)
    incident(world, Severity.SEV1)
    services.deliver_due(now=NOW)
    assert "(a copy)" in there.requests[0].form["Body"]


def test_a_pager_that_was_switched_off_gets_nothing_that_was_on_its_way(world: World, there: Vendor):
    mine = only(world, kind="webhook", url=there.url)
    incident(world)
    endpoints.switch(endpoint=mine, enabled=False, actor=system(world), now=NOW)
    services.deliver_due(now=NOW)
    services.escalate_due(now=NOW)
    services.deliver_due(now=NOW)
    assert there.requests == []
    assert "switched off" in Page.objects.get(user=world.ana).closed_reason
    assert len(world.phone_of_ben.messages) == 1  # at once


def test_a_page_is_sent_again_only_where_somebody_still_needs_it(world: World):
    found = incident(world)
    page = Page.objects.get(user=world.ana)
    Page.objects.filter(pk=page.pk).update(state="failed")
    actor = permissions.of(world.ana, world.organisation)
    PagerEndpoint.objects.filter(pk=page.endpoint_id).update(enabled=False)
    with pytest.raises(Refused, match="switched off"):
        answers.resend(page=page, actor=actor, now=at(1))
    PagerEndpoint.objects.filter(pk=page.endpoint_id).update(enabled=True)
    response.acknowledge(incident=found, actor=actor, now=at(2))
    with pytest.raises(Refused, match="is acknowledged"):
        answers.resend(page=page, actor=actor, now=at(3))


def test_a_page_of_an_older_run_sent_again_hurries_nobody_of_this_one(world: World):
    found = incident(world, Severity.SEV1)
    old = Page.objects.get(user=world.ana)
    response.acknowledge(incident=found, actor=permissions.of(world.ben, world.organisation), now=at(1))
    response.expire_answers(now=at(32))
    services.deliver_due(now=at(32))
    Page.objects.filter(pk=old.pk).update(state="failed")
    answers.resend(page=old, actor=system(world), now=at(33))
    PagerEndpoint.objects.filter(pk=old.endpoint_id).update(url="https://pager..example/")
    services.deliver_due(now=at(33))
    services.escalate_due(now=at(33))
    [ahead] = found.escalation_steps.filter(run=2, state="pending")
    assert (ahead.number, ahead.due_at) == (2, at(37))
    assert world.phone_of_ben.messages == []


def test_who_passes_on_is_rung_no_more_and_the_timeline_says_who_was_told(world: World, there: Vendor):
    later = pager(world, world.ana, kind="webhook", name="Later", url=there.url)
    phone = PagerEndpoint.objects.get(user=world.ana, name="Phone")
    set_rules(world, world.ana, Rule(phone.pk, 0), Rule(later.pk, 120))
    found = incident(world)
    services.deliver_due(now=NOW)
    assert answers.pass_on(incident=found, actor=permissions.of(world.ana, world.organisation), now=at(1))
    services.escalate_due(now=at(1))
    services.deliver_due(now=at(3))
    assert there.requests == []
    assert len(world.phone_of_ben.messages) == 1
    told = TimelineEntry.objects.filter(kind="escalated").values_list("payload", flat=True)
    assert [(one["user"], one["reason"]) for one in told] == [("Ben", "passed on")]
