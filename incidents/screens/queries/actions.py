"""Actions as pages show them: what is offered for an incident, what runs, what ran, and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.actions import buttons, queries
from incidents.actions.buttons import Choice, Standing, Viewer
from incidents.actions.course import UNDER_WAY, WAITING, State
from incidents.actions.models import ActionRun, ActionSecret, ActionSwitch
from incidents.actions.offer import Offer, Offers
from incidents.actions.permits import Facts, Person
from incidents.actions.services.asking import can_undo
from incidents.response.models import Incident
from incidents.screens.queries import lists
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb, allowed

#: How a state is drawn.
KIND_OF = {
    State.PROPOSED: "warn", State.APPROVED: "warn", State.STARTED: "warn", State.RUNNING: "warn", State.VERIFYING: "warn",
    State.UNKNOWN: "burn", State.FAILED: "burn", State.NOT_VERIFIED: "burn",
    State.VERIFIED: "ok", State.DONE: "ok", State.REFUSED: "muted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with what may be pressed on it."""

    run: ActionRun
    kind: str
    choice: Choice
    approved_by: Sequence[str]
    #: "by Bob", or nothing where Tailwatch proposed it by itself.
    asked_by: str
    over: bool

    @property
    def planned(self) -> bool:
        """It begins later, by itself."""
        return self.run.state == State.STARTED and self.run.due_at > self.run.requested_at and not self.run.attempts

    @property
    def standing(self) -> str:
        """What the state is called: "proposed, 1 of 2"."""
        if self.planned:
            return "planned"
        count = f", {len(self.approved_by)} of {self.run.needed}" if self.run.state == State.PROPOSED else ""
        return f"{self.run.word}{count}"


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An action that may be asked for, with what a person chooses."""

    offer: Offer
    choices: Sequence[tuple[str, str, bool]]  # value, label, preselected


@dataclass(frozen=True, slots=True)
class Panel:
    """The section of the incident's page."""

    switch: ActionSwitch
    offered: Sequence[OfferRow]
    refused: Sequence[Offer]
    others: Sequence[Offer]
    runs: Sequence[RunRow]

    @property
    def shown(self) -> bool:
        return bool(self.offered or self.refused or self.runs)


def panel(*, incident: Incident, actor: Actor, now: datetime) -> Panel:
    """What can be done about an open incident, and what was done about any."""
    rows = [
        _row(run, actor, incident=incident)
        for run in queries.runs(organisation=incident.organisation, incident=incident)
    ]
    found = queries.offers(incident=incident, now=now) if incident.is_open and incident.leaf else None
    busy = {
        row.run.action
        for row in rows
        if row.run.state in {*WAITING, *UNDER_WAY, State.VERIFYING} and not row.run.undo_of_id
    }
    offered = (
        [OfferRow(one, _choices(one, found)) for one in found.offered if one.kind.name not in busy] if found else []
    )
    return Panel(
        switch=queries.switch(organisation_id=incident.organisation_id),
        offered=offered,
        refused=found.refused if found else (),
        others=found.others if found else (),
        runs=rows,
    )


def _choices(one: Offer, found: Offers) -> list[tuple[str, str, bool]]:
    """Replicas with what speaks for each, the worst first chosen; or regions."""
    if one.chooses == "region":
        return [(region, region, False) for region in sorted({seen.region for seen in found.fleet.replicas})]
    if one.chooses != "replica":
        return []
    worst = found.fleet.worst
    return [
        (seen.name, f"{seen.name}, {'stalled' if seen.stalled else 'up' if seen.up else 'down'}", seen.name == worst)
        for seen in found.fleet.replicas
    ]


def runs(*, organisation: Organisation, actor: Actor, filters: lists.Filters) -> lists.Listing[RunRow]:
    """The history, newest first."""
    rows, newer, older = lists.cut(queries.runs(organisation=organisation), filters)
    headline = "What was done" if rows else "Nothing was asked for yet"
    return lists.Listing(headline, tuple(_row(run, actor) for run in rows), newer, older)


def one(*, run: ActionRun, actor: Actor) -> RunRow:
    return _row(run, actor)


def secrets(*, organisation: Organisation) -> Sequence[ActionSecret]:
    return list(ActionSecret.objects.filter(organisation=organisation).defer("value"))


def _row(run: ActionRun, actor: Actor, *, incident: Incident | None = None) -> RunRow:
    incident = incident or run.incident
    approvals = list(run.approvals.all())
    live = Facts(
        on=True, stopped=False, incident_open=incident is None or incident.is_open,
        severity=incident.severity if incident is not None else 5,
    )  # fmt: skip
    viewer = Viewer(
        person=Person(
            user_id=actor.user_id,
            commands=incident is not None and actor.user_id is not None and incident.commander_id == actor.user_id,
        ),
        may_propose=allowed(actor, Verb.PROPOSE_ACTION, run),
        may_approve=allowed(actor, Verb.APPROVE_ACTION, run),
        may_run=allowed(actor, Verb.RUN_ACTION, run),
    )
    standing = Standing(
        state=State(run.state),
        title=run.title,
        service=run.service.slug,
        requested_by=run.requested_by_id,
        approved_by=frozenset(one.user_id for one in approvals),
        needed=run.needed,
        can_undo=can_undo(run),
    )
    return RunRow(
        run=run,
        kind=KIND_OF[State(run.state)],
        choice=buttons.choice(run=standing, viewer=viewer, facts=live),
        approved_by=[str(one.user) for one in approvals],
        asked_by=str(run.requested_by) if run.requested_by is not None else "",
        over=run.ended_at is not None,
    )
