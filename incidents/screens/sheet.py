"""The incident page as values: its state in a word, its facts, what may be done, what paging has done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.response.lifecycle import Move, State, moves
from incidents.screens.board import Kind, Standing
from observability.core import words


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure under the headline. `running` counts on from that instant; `at` is said as a time of day."""

    name: str
    value: str = ""
    note: str = ""
    running: datetime | None = None
    at: datetime | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class MoveButton:
    """A button that changes the incident, and the question it asks first where a slip would hurt."""

    verb: str
    label: str
    primary: bool
    confirm: str


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the sentence about paging; `at` stands between `said` and `end` as a moving time."""

    said: str
    at: datetime | None = None
    end: str = ""


@dataclass(frozen=True, slots=True)
class Moments:
    """What the facts are drawn from, None where it has not happened."""

    impact_started_at: datetime | None
    opened_at: datetime
    detected_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    mitigated_at: datetime | None
    resolved_at: datetime | None
    to_detect: timedelta | None
    to_acknowledge: timedelta | None
    to_mitigate: timedelta | None
    to_resolve: timedelta | None


@dataclass(frozen=True, slots=True)
class Harm:
    """What it cost so far: bad requests (None: not counted), budget left (ratio) of the objective that burns."""

    bad: float | None
    total: float | None
    budget_left: float | None
    objective: str
    exhausted_in: timedelta | None


def standing(*, severity: int, state: State) -> Standing:
    """(2, open) -> burn, 'SEV2, not acknowledged'."""
    word = {
        State.OPEN: "not acknowledged",
        State.ACKNOWLEDGED: "acknowledged",
        State.MITIGATED: "mitigated",
        State.RESOLVED: "resolved",
    }[state]
    kinds = {State.MITIGATED: Kind.WARN, State.RESOLVED: Kind.OK}
    kind = kinds.get(state, Kind.BURN if severity <= 2 else Kind.WARN)
    return Standing(kind, f"SEV{severity}, {word}")


def facts(*, moments: Moments, harm: Harm | None) -> tuple[Fact, ...]:
    """Since when, how fast it was seen, answered, mitigated and resolved, and what it cost."""
    start = moments.impact_started_at or moments.opened_at
    over = moments.resolved_at is not None
    listed = [
        Fact(
            "Lasted" if over else "Started",
            words.duration(((moments.resolved_at or start) - start).total_seconds()),
            at=start,
            note="" if over else "since",
            running=None if over else start,
        ),
        _span("Detected after", moments.to_detect, moments.detected_at, "not known"),
        _span(
            "Acknowledged after", moments.to_acknowledge, moments.acknowledged_at, "not yet", by=moments.acknowledged_by
        ),
        _span("Mitigated after", moments.to_mitigate, moments.mitigated_at, "not yet"),
    ]
    if over:
        listed.append(_span("Resolved after", moments.to_resolve, moments.resolved_at, "not yet"))
    if harm is not None:
        listed += _harm(harm)
    return tuple(listed)


def _span(name: str, span: timedelta | None, at: datetime | None, missing: str, *, by: str = "") -> Fact:
    if at is None:
        return Fact(name, missing, quiet=True)
    return Fact(
        name, "at once" if span is None else words.duration(span.total_seconds()), note=f"by {by}" if by else "", at=at
    )


def _harm(harm: Harm) -> list[Fact]:
    found = []
    if harm.bad is not None:
        share = f"{words.percent(harm.bad / harm.total)} of {words.count(harm.total)}" if harm.total else ""
        found.append(Fact("Over goal", words.count(round(harm.bad)), note=share))
    if harm.budget_left is not None:
        lasts = (
            f"lasts {words.duration(harm.exhausted_in.total_seconds())} at this rate"
            if harm.exhausted_in
            else harm.objective
        )
        found.append(Fact("Budget left", words.left(harm.budget_left), note=lasts))
    return found


def buttons(*, state: State, may: frozenset[str], blast: str, commands: bool = False) -> tuple[MoveButton, ...]:
    """The moves that would change something now and that this person may make, the next one first; then command, unless held."""
    labels = {
        Move.ACKNOWLEDGE: "Acknowledge",
        Move.MITIGATE: "Mitigated",
        Move.RESOLVE: "Resolve",
        Move.REOPEN: "Reopen",
    }
    questions = {Move.RESOLVE: f"Resolve this incident? Paging for {blast} stops and the postmortem is drafted."}
    found = [move for move in moves(state) if move.value in may]
    listed = [
        MoveButton(
            move.value, labels[move], primary=index == 0 and move is not Move.REOPEN, confirm=questions.get(move, "")
        )
        for index, move in enumerate(found)
    ]
    if state is not State.RESOLVED and not commands and "take_role" in may:
        listed.append(MoveButton("command", "Take command", primary=False, confirm=""))
    return tuple(listed)


def paging_said(
    *, sent: list[tuple[str, datetime]], failed: int, pending: int, next_step: tuple[str, datetime] | None, state: State
) -> tuple[Said, ...]:
    """'Page sent to alice 40 s ago; next, bob in 4 min.' in pieces, so that the times keep moving."""
    found: list[Said] = []
    if sent:
        name, at = sent[0]
        found.append(Said(f"Page sent to {name}", at, ", not acknowledged." if state is State.OPEN else "."))
    elif pending:
        found.append(Said("A page is on its way."))
    if failed:
        found.append(Said(f"{failed} page{'s' if failed > 1 else ''} could not be delivered."))
    if next_step is not None and state is State.OPEN:
        found.append(Said(f"Next, {next_step[0]}", next_step[1], "."))
    return tuple(found)
