"""What the person who looks may press on a run, and why not where they may not."""

from __future__ import annotations

from dataclasses import dataclass

from incidents.actions.course import State
from incidents.actions.permits import Facts, Person, may_approve, may_start


@dataclass(frozen=True, slots=True)
class Button:
    """`verb` is the last word of its address; `confirm` names the blast radius."""

    verb: str
    label: str
    primary: bool = False
    confirm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks, and what their role may."""

    person: Person
    may_propose: bool
    may_approve: bool
    may_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A run as far as its buttons need it."""

    state: State
    title: str
    service: str
    requested_by: int | None
    approved_by: frozenset[int]
    needed: int
    can_undo: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The buttons, and a sentence where the next step is somebody else's."""

    buttons: tuple[Button, ...] = ()
    said: str = ""


def choice(*, run: Standing, viewer: Viewer, facts: Facts) -> Choice:
    """A proposed run of somebody else's, seen by a commander → Approve and run, Approve, Refuse."""
    if run.state is State.PROPOSED:
        return _proposed(run, viewer, facts)
    if run.state is State.APPROVED:
        count = len(run.approved_by)
        permit = may_start(facts=facts, person=viewer.person, approvals=count, needed=run.needed, waiting=True)
        if viewer.may_run and permit.allowed:
            return Choice((Button("run", "Run", True, _asked(run)), Button("refuse", "Refuse")))
        return Choice((), permit.sentence or "somebody who may run actions presses Run")
    if run.state is State.UNKNOWN and viewer.may_run:
        return Choice((Button("happened", "It happened"), Button("not_happened", "It did not happen")))
    if run.can_undo and viewer.may_run:
        return Choice((Button("undo", "Take it back", confirm=f"Take back: {run.title} of {run.service}?"),))
    return Choice()


def _proposed(run: Standing, viewer: Viewer, facts: Facts) -> Choice:
    refuse = (Button("refuse", "Refuse"),) if viewer.may_propose else ()
    permit = may_approve(
        facts=facts, person=viewer.person, requested_by=run.requested_by, approved_by=run.approved_by, waiting=True
    )
    left = run.needed - len(run.approved_by)
    if not viewer.may_approve:
        return Choice(
            refuse, f"{left} more {'person' if left == 1 else 'people'} of the rank to approve it must say yes"
        )
    if not permit.allowed:
        return Choice(refuse, permit.sentence)
    if left > 1 or not viewer.may_run:
        return Choice((Button("approve", "Approve", True), *refuse))
    go = Button("approve_and_run", "Approve and run", True, _asked(run))
    return Choice((go, Button("approve", "Approve only"), *refuse))


def _asked(run: Standing) -> str:
    return f"Run now: {run.title} of {run.service}? The guards are asked again a moment before."
