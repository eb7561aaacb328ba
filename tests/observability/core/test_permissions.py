from __future__ import annotations

import pytest

from observability.core.models import Role
from observability.core.permissions import ALLOWED, Actor, NotAllowed, Verb, allowed, require
from tests import factories


def actor(role: str, *, organisation_id: int = 1) -> Actor:
    return Actor(kind="user", name="alice", organisation_id=organisation_id, role=role)


def test_every_role_has_a_row_in_the_table():
    assert set(ALLOWED) == set(Role.values)


@pytest.mark.parametrize(
    ("role", "verb", "may"),
    [
        (Role.VIEWER, Verb.VIEW, True),
        (Role.VIEWER, Verb.DECLARE, True),
        (Role.VIEWER, Verb.ACKNOWLEDGE, False),
        (Role.RESPONDER, Verb.ACKNOWLEDGE, True),
        (Role.RESPONDER, Verb.APPROVE_ACTION, False),
        (Role.COMMANDER, Verb.APPROVE_ACTION, True),
        (Role.COMMANDER, Verb.MANAGE_USERS, False),
        (Role.LEADERSHIP, Verb.RESOLVE, False),
        (Role.AUDITOR, Verb.VIEW_AUDIT, True),
        (Role.AUDITOR, Verb.ACKNOWLEDGE, False),
        (Role.RELEASE_ENGINEER, Verb.RUN_GATE, True),
        (Role.RELEASE_ENGINEER, Verb.RESOLVE, False),
        (Role.ADMIN, Verb.MANAGE_USERS, True),
        ("", Verb.VIEW, False),
    ],
)
def test_the_table_says_who_may(role, verb, may):
    assert allowed(actor(role), verb, None) is may


def test_a_row_of_another_organisation_is_refused_whatever_the_role():
    class Row:
        organisation_id = 2

    assert allowed(actor(Role.ADMIN), Verb.VIEW, Row()) is False
    assert allowed(actor(Role.ADMIN, organisation_id=2), Verb.VIEW, Row()) is True


def test_a_refusal_says_who_what_and_which_roles_may():
    with pytest.raises(NotAllowed) as refusal:
        require(actor(Role.VIEWER), Verb.APPROVE_ACTION, None)
    assert str(refusal.value) == "alice is viewer here and may not approve action; these roles may: admin, commander."


@pytest.mark.django_db
def test_another_organisation_itself_is_refused_too():
    ours, theirs = factories.make_organisation(), factories.make_organisation()
    admin = actor(Role.ADMIN, organisation_id=ours.pk)
    assert allowed(admin, Verb.DECLARE, ours)
    assert not allowed(admin, Verb.DECLARE, theirs)
