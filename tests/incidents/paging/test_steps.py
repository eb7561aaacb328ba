"""Escalation over schedules, teams, several answers, severities, and to an end that is never silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents.oncall.document import HoursDocument
from incidents.oncall.models import TeamMember
from incidents.oncall.schedule import OverrideKind
from incidents.oncall.services import PolicySettings, StepSpec, TargetSpec, add_override, save_policy
from incidents.paging import services
from incidents.paging.models import Page
from incidents.paging.rules import services as rules
from incidents.paging.rules.plan import Rule
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import permissions
from observability.core.models import Heartbeat, Role, User
from observability.local_pager import LocalPager
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def at(minutes: float):
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def people(acme) -> list[User]:
    found = [factories.make_user(acme, username=name) for name in ("ana", "ben", "cleo")]
    for person in found:
        factories.make_pager(person, acme, url=f"https://{person.username}.example/")
    return found


def policy(acme, *steps: StepSpec, **given: Any):
    return save_policy(
        organisation=acme, slug="main", name="Main", steps=steps,
        given=PolicySettings(**{"is_default": True, "repeats": 0, **given}),
        actor=permissions.system(acme), now=NOW,
    )  # fmt: skip


def tell(*names: str, **given: Any) -> StepSpec:
    """A step that tells these: "user:ana", "schedule:primary"."""
    return StepSpec([TargetSpec(*name.split(":")) for name in names], **given)  # type: ignore[arg-type]


def page(acme, severity: Severity = Severity.SEV2) -> Incident:
    incident = factories.make_incident(factories.make_service(acme), severity=severity)
    return response.page(incident=incident, now=NOW)


def paged(incident: Incident) -> list[str]:
    return list(incident.pages.order_by("due_at", "pk").values_list("user__username", flat=True))


def notes(incident: Incident) -> list[str]:
    return [entry.sentence for entry in incident.timeline.filter(kind="note")]


def test_a_step_tells_who_is_on_call_at_that_instant(acme, people) -> None:
    schedule = factories.make_schedule(acme, *people[:2])
    policy(acme, tell("schedule:primary"), tell("user:cleo"))
    incident = page(acme)
    assert list(incident.pages.values_list("user__username", "reason")) == [
        ("ana", "first responder, on call in Primary")
    ]
    add_override(
        schedule=schedule, username="ben", starts_at=NOW, ends_at=at(60), actor=permissions.system(acme), now=NOW
    )
    assert paged(page(acme)) == ["ben"]


def test_a_step_that_reaches_nobody_is_skipped_at_once_with_its_reason(acme, people) -> None:
    members = [{"people": ["ana"]}]
    night = {
        "name": "night",
        "starts": "2026-11-02T09:00",
        "members": members,
        "hours": [{"start": "22:00", "minutes": 60}],
    }
    factories.make_schedule(acme, layers=[night], covers_always=False)
    policy(acme, tell("schedule:primary"), tell("user:cleo", mildest_severity=1), tell("user:ben"))
    incident = page(acme)
    assert paged(incident) == ["ben"]
    assert notes(incident) == [
        "Step 1 (Primary) was skipped: nobody is on call there",
        "Step 2 (Cleo) was skipped: not for this severity",
    ]
    assert paged(page(acme, Severity.SEV1)) == ["cleo"]


def test_a_step_outside_its_hours_is_skipped(acme, people) -> None:
    office = HoursDocument.model_validate({"days": ["sat", "sun"], "start": "09:00", "minutes": 480})
    policy(acme, tell("user:ana", hours=[office], zone="Europe/Paris"), tell("user:ben"))
    assert paged(page(acme)) == ["ben"]


def test_a_shadow_is_told_too_and_cannot_be_overlooked(acme, people) -> None:
    schedule = factories.make_schedule(acme, people[0])
    add_override(schedule=schedule, username="cleo", starts_at=NOW, ends_at=at(60), kind=OverrideKind.SHADOW,
                 actor=permissions.system(acme), now=NOW)  # fmt: skip
    policy(acme, tell("schedule:primary"))
    assert sorted(p.reason for p in page(acme).pages.all()) == [
        "first responder, on call in Primary", "first responder, shadows ana",
    ]  # fmt: skip


def test_a_shadow_goes_with_whose_turn_it_is_and_is_never_told_alone(acme, people) -> None:
    schedule = factories.make_schedule(acme, people[0])
    add_override(schedule=schedule, username="cleo", starts_at=NOW, ends_at=at(60), kind=OverrideKind.SHADOW,
                 actor=permissions.system(acme), now=NOW)  # fmt: skip
    policy(acme, tell("schedule:primary", "user:ben", round_robin=True), tell("user:ben"))
    assert [paged(page(acme)) for _ in range(3)] == [["ana", "cleo"], ["ben"], ["ana", "cleo"]]
    User.objects.filter(username="ana").update(is_active=False)
    policy(acme, tell("schedule:primary"), tell("user:ben"))
    assert paged(page(acme)) == ["ben"], "the step tells nobody, so the next is taken at once"


def test_a_team_is_its_schedules_else_its_members(acme, people) -> None:
    team = factories.make_team(acme, slug="serving")
    for person in people[1:]:
        TeamMember.objects.create(team=team, user=person)
    policy(acme, tell("team:serving"))
    assert paged(page(acme)) == ["ben", "cleo"]
    factories.make_schedule(acme, people[0], team=team)
    assert paged(page(acme)) == ["ana"]


def test_round_robin_gives_each_incident_to_the_next(acme, people) -> None:
    policy(acme, tell("user:ana", "user:ben", "user:cleo", round_robin=True))
    assert [paged(page(acme)) for _ in range(4)] == [["ana"], ["ben"], ["cleo"], ["ana"]]


def test_two_people_have_to_answer_where_the_policy_says_so(acme, people) -> None:
    policy(acme, tell("user:ana"), tell("user:ben"), acknowledgements=2)
    incident = page(acme)
    ana, ben = (permissions.of(person, acme) for person in people[:2])
    for _ in range(2):  # the same person twice is one answer
        incident = response.acknowledge(incident=incident, actor=ana, now=at(1))
        assert (incident.state, incident.acknowledged_at) == ("open", at(1))
    services.escalate_due(now=at(5))
    assert paged(incident) == ["ana", "ben"]
    incident = response.acknowledge(incident=incident, actor=ben, now=at(6))
    assert incident.state == "acknowledged"
    assert not incident.escalation_steps.filter(state="pending").exists()


def test_the_end_of_a_policy_is_never_silent(acme, people) -> None:
    root = factories.make_user(acme, username="root", role=Role.ADMIN)
    factories.make_pager(root, acme, url="https://root.example/")
    policy(acme, tell("user:ana"))
    incident = page(acme)
    services.escalate_due(now=at(4.9))
    assert paged(incident) == ["ana"]
    services.escalate_due(now=at(5))
    assert paged(incident) == ["ana", "root"]
    reasons = set(incident.pages.values_list("reason", flat=True))
    assert reasons == {"first responder", "nobody answered to the end: the fallback"}


def test_the_fallback_policy_counts_before_the_administrators(acme, people) -> None:
    save_policy(
        organisation=acme, slug="last", name="Last resort", steps=[tell("user:cleo")],
        given=PolicySettings(is_fallback=True), actor=permissions.system(acme), now=NOW,
    )  # fmt: skip
    assert paged(page(acme)) == ["cleo"]  # no policy at all: the fallback hears it at once
    policy(acme, tell("user:ana"))
    incident = page(acme)
    services.escalate_due(now=at(5))
    assert paged(incident) == ["ana", "cleo"]


def test_an_edit_of_the_policy_does_not_change_a_running_escalation(acme, people) -> None:
    policy(acme, tell("user:ana"), tell("user:ben"))
    incident = page(acme)
    policy(acme, tell("user:cleo"))
    services.escalate_due(now=at(5))
    assert paged(incident) == ["ana", "ben"]


def test_a_route_may_name_the_policy(acme, people) -> None:
    policy(acme, tell("user:ana"))
    save_policy(organisation=acme, slug="payments", name="Payments", steps=[tell("user:cleo")],
                actor=permissions.system(acme), now=NOW)  # fmt: skip
    incident = factories.make_incident(factories.make_service(acme))
    Incident.objects.filter(pk=incident.pk).update(policy_slug="payments")
    assert paged(response.page(incident=incident, now=NOW)) == ["cleo"]


@pytest.mark.parametrize(("severity", "ends"), [(Severity.SEV1, True), (Severity.SEV2, False)])
def test_an_acknowledgement_of_sev1_ends_after_half_an_hour_without_a_sign_of_life(
    acme, people, severity, ends
) -> None:
    policy(acme, tell("user:ana"))
    incident = page(acme, severity)
    ana = permissions.of(people[0], acme)
    incident = response.acknowledge(incident=incident, actor=ana, now=at(1))
    response.add_note(incident=incident, text="looking", actor=ana, now=at(20))
    assert response.expire_answers(now=at(32)) == 0
    assert response.expire_answers(now=at(51)) == int(ends)
    incident.refresh_from_db()
    assert (incident.state, incident.acknowledged_at) == ("open" if ends else "acknowledged", at(1))
    assert paged(incident) == (["ana", "ana"] if ends else ["ana"])
    assert response.expire_answers(now=at(90)) == 0


def test_personal_rules_say_which_pager_rings_when(acme, people) -> None:
    ana = people[0]
    phone = factories.make_pager(ana, acme, url="https://phone.example/", name="Voice")
    push = ana.pager_endpoints.get(name="Phone")
    actor = permissions.of(ana, acme)
    given = [Rule(push.pk, 0), Rule(phone.pk, 120, 2), Rule(push.pk, 300)]
    rules.set_rules(organisation=acme, user=ana, rules=given, actor=actor, now=NOW)
    policy(acme, tell("user:ana"))
    incident = page(acme)
    rings = [(p.endpoint.name, (p.due_at - NOW).total_seconds()) for p in incident.pages.order_by("due_at")]
    assert rings == [("Phone", 0), ("Voice", 120), ("Phone", 300)]
    response.acknowledge(incident=incident, actor=actor, now=at(1))
    assert Page.objects.filter(state="pending").count() == 0
    with pytest.raises(rules.RuleInvalid, match="none of Ana"):
        rules.set_rules(organisation=acme, user=ana, rules=[Rule(9999, 0)], actor=actor, now=NOW)


def test_quiet_hours_hold_little_things_back_and_let_the_rest_through(acme, people) -> None:
    ana = people[0]
    hours = [HoursDocument.model_validate({"start": "09:00", "minutes": 120})]
    rules.set_quiet_hours(organisation=acme, user=ana, hours=hours, actor=permissions.of(ana, acme), now=NOW)
    policy(acme, tell("user:ana"))
    mild = factories.make_incident(factories.make_service(acme), severity=Severity.SEV3)
    response.page(incident=mild, now=NOW)
    assert mild.pages.get().due_at == NOW.replace(hour=11)
    assert page(acme).pages.get().due_at == NOW


def test_the_heartbeat_leaves_only_while_the_audit_is_clean(acme, people, settings) -> None:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    with LocalPager() as outside:
        settings.TAILWATCH_HEARTBEAT_URL = outside.url
        assert services.report_health(now=NOW) is False
        assert services.audit_pages(now=NOW).clean
        assert services.report_health(now=NOW) is True
        policy(acme, tell("user:ana"), tell("user:ben"))
        incident = page(acme)
        Page.objects.filter(incident=incident).update(due_at=at(-10))
        assert not services.audit_pages(now=at(4)).clean
        assert services.report_health(now=at(4)) is False
    assert len(outside.messages) == 1
    assert Heartbeat.objects.get(part="audit:clean").at == NOW
