"""The error-budget policy: steps as data, hysteresis, and rows that others act on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from observability.core import permissions
from observability.core.models import AuditEntry
from sloengine.budgets.exclusions import services as exclusions
from sloengine.budgets.models import Finding
from sloengine.budgets.policies import queries, services
from sloengine.budgets.policies.models import PolicyStanding
from sloengine.budgets.policy import FREE, InvalidPolicy, PolicyReason, advise_traffic, decide, parse, shipped
from sloengine.objectives.models import Objective
from tests.sloengine.budgets.world import World


@pytest.mark.parametrize(
    ("spent", "standing", "step"),
    [
        (0.49, FREE, FREE),
        (0.47, "review", "review"),
        (0.44, "review", FREE),
        (0.97, FREE, "canary only"),
        (0.97, "freeze", "freeze"),
        (0.94, "freeze", "canary only"),
        (0.72, "canary only", "canary only"),
        (0.72, "freeze", "review"),
        (None, "freeze", "freeze"),
        (0.2, "a step that was abolished", FREE),
    ],
)
def test_a_step_is_left_only_below_its_release(spent, standing, step):
    assert decide(spent_ratio=spent, standing=standing).step == step


def test_what_is_held_says_so():
    assert decide(spent_ratio=0.97, standing="freeze").reason is PolicyReason.HELD
    assert decide(spent_ratio=1.0, standing="freeze").reason is PolicyReason.REACHED


def test_burn_rates_govern_traffic_and_spent_shares_do_not():
    assert advise_traffic(burning=["page"]).actions == ("tighten_admission", "scale_out")
    assert not advise_traffic(burning=[]).protect


@pytest.mark.django_db
def test_what_a_page_asks_of_traffic_stands_in_its_row():
    world = World(replicas=1)
    world.apply_library()
    world.minutes(6, good=100)
    world.until(lambda: bool(world.firing("availability/fast")), good=50, failed=50)
    (page,) = world.firing("availability/fast")
    assert page.evidence["traffic"]["actions"] == ["tighten_admission", "scale_out"]
    assert page.evidence["traffic"]["policy"] == "default"


GOOD = "name: strict\nsteps:\n  - {step: stop, at: '0.3', release: '0.2', consequence: Nothing goes out.}\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("'0.3'", "-1", r"steps\[0\].at: found -1, expected a share"),
        ("'0.2'", "'0.4'", r"steps\[0\].release: found 0.4, expected at most 0.3"),
        ("step: stop", "step: free", "none called free"),
        ("name: strict", "title: x", "expected name and steps"),
        ("consequence: Nothing goes out.", "severity: page", "expected step, at, release"),
        ("consequence: Nothing", "severity: loud, consequence: Nothing", "expected one of info, ticket, page"),
        ("steps:", "steps: [", "expected YAML"),
    ],
)
def test_policies_that_cannot_be(old, new, words):
    with pytest.raises(InvalidPolicy, match=words):
        parse(GOOD.replace(old, new))


def test_the_shipped_policy_is_r12():
    assert [(rule.step, rule.at) for rule in shipped().rules] == [
        ("freeze", Decimal(1)),
        ("canary only", Decimal("0.75")),
        ("review", Decimal("0.5")),
    ]


@pytest.mark.django_db
def test_steps_become_rows_findings_and_audit_entries_and_are_released():
    world = World()
    actor = permissions.system(world.organisation)
    for _ in range(8):
        world.tick(good=99, failed=1, evaluate=False)
    world.apply_library()
    world.tick(good=99, failed=1)
    services.enforce_due(now=world.now)
    availability = Objective.objects.get(slug="availability")
    row = PolicyStanding.objects.get(objective=availability)
    assert (row.step, row.since, round(row.spent_ratio or 0, 2)) == ("freeze", world.now, 2.0)
    assert [one.objective.slug for one in queries.standings(organisation=world.organisation)] == ["availability"]
    (finding,) = Finding.objects.firing().filter(kind="policy")
    assert (finding.fingerprint, finding.evidence["consequence"]) == (
        "policy/chat/availability/freeze",
        "No changes but reliability fixes.",
    )
    services.enforce_due(now=world.now + timedelta(minutes=5))
    assert AuditEntry.objects.filter(verb="enforce_policy").count() == 1
    exclusions.adjust(
        objective=availability, ratio=Decimal("1.4"), reason="x", at=world.now, actor=actor, now=world.now
    )
    services.enforce_due(now=world.now + timedelta(minutes=10))
    assert PolicyStanding.objects.get(objective=availability).step == "review"
    assert [one.evidence["step"] for one in Finding.objects.firing().filter(kind="policy")] == ["review"]


@pytest.mark.django_db
def test_an_organisation_may_have_a_policy_of_its_own():
    world = World()
    actor = permissions.system(world.organisation)
    services.put_policy(
        organisation=world.organisation, text=GOOD.replace("strict", "default"), actor=actor, now=world.now
    )
    assert queries.policies(organisation_id=world.organisation.pk)[""].rules[0].step == "stop"
    with pytest.raises(InvalidPolicy):
        services.put_policy(organisation=world.organisation, text="name: x", actor=actor, now=world.now)
