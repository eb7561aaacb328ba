"""Who may do what when, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from incidents.actions.permits import (
    Facts,
    History,
    Permit,
    Person,
    Why,
    may_act,
    may_approve,
    may_begin,
    may_start,
    may_take,
)
from tests.conftest import NOW

FACTS = Facts(on=True, stopped=False, incident_open=True, severity=2)
BOB = Person(user_id=2)
COMMANDER = Person(user_id=2, commands=True)
QUIET = History(last_began_at=None, began_in_window=0)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (FACTS, None),
        (replace(FACTS, on=False), Why.OFF),
        (replace(FACTS, stopped=True), Why.STOPPED),
        (replace(FACTS, incident_open=False), Why.OVER),
    ],
)
def test_nothing_is_done_while_off_stopped_or_over(facts: Facts, why: Why | None) -> None:
    assert may_act(facts=facts).why is why
    assert may_approve(facts=facts, person=BOB, requested_by=1, approved_by=frozenset(), waiting=True).why is why
    assert may_start(facts=facts, person=BOB, approvals=1, needed=1, waiting=True).why is why


@pytest.mark.parametrize(
    ("person", "severity", "requested_by", "approved_by", "waiting", "why"),
    [
        (BOB, 2, 1, set(), True, None),
        (BOB, 2, None, set(), True, None),
        (BOB, 2, 2, set(), True, Why.OWN),
        (BOB, 2, 1, {2}, True, Why.TWICE),
        (BOB, 2, 1, set(), False, Why.SETTLED),
        (COMMANDER, 1, 1, set(), True, Why.COMMANDER),
        (COMMANDER, 2, 1, set(), True, None),
        (BOB, 1, 1, set(), True, None),
    ],
)
def test_another_person_approves_once_and_in_sev1_not_the_commander(
    person: Person, severity: int, requested_by: int | None, approved_by: set[int], waiting: bool, why: Why | None
) -> None:
    facts = replace(FACTS, severity=severity)
    permit = may_approve(
        facts=facts, person=person, requested_by=requested_by, approved_by=frozenset(approved_by), waiting=waiting
    )
    assert permit.why is why


@pytest.mark.parametrize(
    ("person", "severity", "approvals", "waiting", "why"),
    [
        (BOB, 2, 2, True, None),
        (BOB, 2, 1, True, Why.APPROVALS),
        (BOB, 2, 2, False, Why.SETTLED),
        (COMMANDER, 1, 2, True, Why.COMMANDER),
        (COMMANDER, 2, 2, True, None),
    ],
)
def test_what_is_approved_by_two_runs_and_in_sev1_not_by_the_commander(
    person: Person, severity: int, approvals: int, waiting: bool, why: Why | None
) -> None:
    facts = replace(FACTS, severity=severity)
    assert may_start(facts=facts, person=person, approvals=approvals, needed=2, waiting=waiting).why is why


@pytest.mark.parametrize(
    ("history", "why"),
    [
        (QUIET, None),
        (replace(QUIET, under_way="Drain a replica, chat-1 (running)"), Why.ANOTHER),
        (replace(QUIET, last_began_at=NOW - timedelta(minutes=9), began_in_window=1), Why.COOLING),
        (replace(QUIET, last_began_at=NOW - timedelta(minutes=11), began_in_window=1), None),
        (replace(QUIET, last_began_at=NOW - timedelta(minutes=11), began_in_window=3), Why.RATE),
    ],
)
def test_alone_not_too_soon_not_too_often(history: History, why: Why | None) -> None:
    permit = may_begin(
        now=NOW, history=history, cool_down=timedelta(minutes=10), most_runs=3, window=timedelta(hours=1)
    )
    assert permit.why is why


@pytest.mark.parametrize(
    ("out", "replicas", "takes", "share", "allowed"),
    [
        (0, 4, 1, 0.25, True),
        (1, 4, 1, 0.25, False),
        (0, 3, 1, 0.25, False),
        (0, 3, 1, 0.34, True),
        (0, 4, 2, 0.5, True),
        (0, None, 1, 1.0, False),
        (4, 4, 0, 0.01, True),
    ],
)
def test_never_more_than_the_share_of_replicas_out(
    out: int, replicas: int | None, takes: int, share: float, allowed: bool
) -> None:
    assert may_take(out=out, replicas=replicas, takes=takes, blast_radius=share).allowed is allowed


def test_a_permit_says_why_in_a_sentence() -> None:
    assert (
        Permit(Why.BLAST, "2 of 4, at most 25%").sentence
        == "too many replicas would be out at once: 2 of 4, at most 25%"
    )
    assert Permit().sentence == ""
