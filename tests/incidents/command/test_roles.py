"""Roles change hands when the other says yes; checklists are a file that is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.command import links, queries, services
from incidents.command.models import Duty
from incidents.command.roles import ChecklistError, Role, parse
from incidents.command.services.roles import RoleRefused
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core.models import User
from observability.core.permissions import NotAllowed
from tests.factories import NOW
from tests.incidents.command.conftest import by


def holder(incident: Incident, role: Role) -> User | None:
    incident.refresh_from_db()
    posts = queries.posts(incident=incident, actor=by(incident.organisation.memberships.all()[0].user))
    return next(post.holder for post in posts if post.role is role)


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_a_role_stays_where_it_is_until_the_other_accepts(incident: Incident, ana: User, ben: User, role: Role) -> None:
    services.take(incident=incident, role=role, actor=by(ana), now=NOW)
    services.offer(incident=incident, role=role, to=ben, actor=by(ana), now=NOW)
    assert holder(incident, role) == ana
    services.accept(incident=incident, role=role, actor=by(ben), now=NOW)
    assert holder(incident, role) == ben
    with pytest.raises(RoleRefused, match="not offered to you"):
        services.accept(incident=incident, role=role, actor=by(ben), now=NOW)


@pytest.mark.django_db
def test_the_first_responder_commands_and_a_no_changes_nothing(incident: Incident, ana: User, ben: User) -> None:
    response.acknowledge(incident=incident, actor=by(ana), now=NOW)
    assert holder(incident, Role.COMMANDER) == ana
    services.offer(incident=incident, role=Role.COMMANDER, to=ben, actor=by(ana), now=NOW)
    services.decline(incident=incident, role=Role.COMMANDER, actor=by(ben), now=NOW)
    assert holder(incident, Role.COMMANDER) == ana
    assert Duty.objects.get().offered_to is None


@pytest.mark.django_db
def test_an_offer_to_somebody_who_may_not_or_by_somebody_who_does_not_hold_it_is_refused(
    incident: Incident, ana: User, ben: User, vera: User
) -> None:
    services.take(incident=incident, role=Role.SCRIBE, actor=by(ana), now=NOW)
    with pytest.raises(RoleRefused, match="Vera may not take a role"):
        services.offer(incident=incident, role=Role.SCRIBE, to=vera, actor=by(ana), now=NOW)
    with pytest.raises(RoleRefused, match="Only its holder or the commander"):
        services.offer(incident=incident, role=Role.SCRIBE, to=ben, actor=by(ben), now=NOW)
    with pytest.raises(NotAllowed):
        services.take(incident=incident, role=Role.SCRIBE, actor=by(vera), now=NOW)


@pytest.mark.django_db
def test_ticks_are_kept_by_key_and_taken_back(incident: Incident, ana: User) -> None:
    for done, kept in ((True, ["said"]), (True, ["said"]), (False, [])):
        duty = services.tick(incident=incident, role=Role.COMMANDER, key="said", done=done, actor=by(ana), now=NOW)
        assert duty.ticked == kept
    with pytest.raises(RoleRefused, match="no line 'nonsense'"):
        services.tick(incident=incident, role=Role.COMMANDER, key="nonsense", done=True, actor=by(ana), now=NOW)


def test_every_role_has_its_checklist() -> None:
    assert {role: len(brief.items) > 2 for role, brief in queries.briefs().items()} == dict.fromkeys(Role, True)


@pytest.mark.parametrize(
    "source", ["", "- a", "commander: {}", "a: [", "{commander: 1, operations: 1, communications: 1, scribe: 1}"]
)
def test_a_broken_checklist_file_is_named(source: str) -> None:
    with pytest.raises(ChecklistError, match=r"roles\.yaml"):
        parse(source=source, file="roles.yaml")


@given(st.text(max_size=60))
def test_no_text_becomes_a_link_that_is_not_https(text: str) -> None:
    try:
        assert links.checked(text) in {"", text.strip()}
        assert not text.strip() or text.strip().lower().startswith("https://")
    except links.LinkRefused:
        pass


@pytest.mark.parametrize(
    "address",
    ["http://a.example", "javascript:alert(1)", "https://", "https://u:p@a.example", "https://a b", "https://a:0/", "//a", "https://[::1"],
)  # fmt: skip
def test_what_is_no_safe_address_is_refused(address: str) -> None:
    with pytest.raises(links.LinkRefused):
        links.checked(address)
