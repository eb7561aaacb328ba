from __future__ import annotations

import pytest

from incidents.oncall.models import EscalationPolicy
from incidents.oncall.queries import policy_for
from incidents.oncall.services import NotAMember, set_policy
from observability.core import permissions
from observability.core.models import Role
from observability.core.permissions import NotAllowed
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_nobody_without_a_policy() -> None:
    organisation = factories.make_organisation()
    assert policy_for(organisation=organisation, service=None).steps == ()


def test_the_most_specific_policy_counts() -> None:
    acme = factories.make_organisation("acme")
    ana, ben, cleo = (factories.make_user(acme, username=name) for name in ("ana", "ben", "cleo"))
    team = factories.make_team(acme)
    chat, code, other = (factories.make_service(acme, team=one) for one in (team, team, None))
    factories.make_policy(acme, ana)
    factories.make_policy(acme, ben, team=team)
    factories.make_policy(acme, cleo, ben, service=chat)

    def names(service) -> list[str]:
        return [step.label for step in policy_for(organisation=acme, service=service).steps]

    assert (names(chat), names(code), names(other), names(None)) == (["Cleo", "Ben"], ["Ben"], ["Ana"], ["Ana"])


def test_who_left_is_not_called() -> None:
    acme = factories.make_organisation("acme")
    ana, ben = (factories.make_user(acme, username=name) for name in ("ana", "ben"))
    factories.make_policy(acme, ana, ben)
    ana.is_active = False
    ana.save()
    assert [step.targets[0].id for step in policy_for(organisation=acme, service=None).steps] == [ben.pk]


def test_setting_a_policy_again_replaces_its_people() -> None:
    acme = factories.make_organisation("acme")
    ana, ben = (factories.make_user(acme, username=name) for name in ("ana", "ben"))
    factories.make_policy(acme, ana, ben)
    factories.make_policy(acme, ben, after_seconds=60, repeats=0)
    policy = policy_for(organisation=acme, service=None)
    assert ([step.label for step in policy.steps], policy.steps[0].after_seconds, policy.length) == (["Ben"], 60, 1)
    assert EscalationPolicy.objects.count() == 1


def test_strangers_are_named_and_nothing_is_set() -> None:
    acme = factories.make_organisation("acme")
    stranger = factories.make_user(factories.make_organisation("other"), username="sam")
    with pytest.raises(NotAMember, match="Sam do not belong to Acme"):
        factories.make_policy(acme, stranger)
    assert not EscalationPolicy.objects.exists()


def test_only_administrators_set_policies() -> None:
    acme = factories.make_organisation("acme")
    ana = factories.make_user(acme, role=Role.COMMANDER)
    with pytest.raises(NotAllowed):
        set_policy(organisation=acme, people=[ana], actor=permissions.of(ana, acme), now=NOW)
    assert not EscalationPolicy.objects.exists()
