"""Swaps: one asks, the other says yes, and only then anything changes."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from incidents.oncall.models import Schedule, ShiftNotice, Swap
from incidents.oncall.queries.rota import plan
from incidents.oncall.schedule import OverrideKind
from incidents.oncall.services import notices
from incidents.oncall.services.members import members
from incidents.oncall.services.overrides import add_override
from observability.core import audit, permissions
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

Window = tuple[datetime, datetime]


class SwapRefused(Refused):
    """It cannot be asked or answered; the message says why."""


def ask_swap(
    *,
    schedule: Schedule,
    window: Window,
    actor: Actor,
    now: datetime,
    taker: str = "",
    back: Window | None = None,
    note: str = "",
) -> Swap:
    """Ask `taker` (or anyone) to take what the actor has in `window`; `back` is what the actor would take in return."""
    permissions.require(actor, Verb.OVERRIDE, schedule)
    members(organisation=schedule.organisation, usernames={actor.name, taker} - {""})
    if taker == actor.name:
        raise SwapRefused("A swap needs two people.")
    if back is not None and not taker:
        raise SwapRefused("Who offers a time in return says whose it is.")
    for begin, end in [window, *([back] if back is not None else [])]:
        if end <= begin or begin < now:
            raise SwapRefused("A swap is of a time to come, and ends after it starts.")
    if not _has(schedule, actor.name, window):
        raise SwapRefused("You are not on call in that time, so there is nothing to give.")
    if back is not None and not _has(schedule, taker, back):
        raise SwapRefused(f"{taker} is not on call in the time that you would take in return.")
    with transaction.atomic():
        swap = Swap.objects.create(
            schedule=schedule,
            asker=actor.name,
            taker=taker,
            starts_at=window[0],
            ends_at=window[1],
            back_starts_at=back[0] if back is not None else None,
            back_ends_at=back[1] if back is not None else None,
            note=note.strip()[:300],
            asked_at=now,
        )
        _tell(
            swap, _candidates(swap), f"{swap.asker} asks you to take {_said(window)} in {schedule.name}.", "asked", now
        )
        audit.record(actor=actor, verb="ask_swap", obj=swap, now=now, payload=_payload(swap))
    return swap


def accept_swap(*, swap: Swap, actor: Actor, now: datetime) -> Swap:
    """The taker (or, where anyone was asked, whoever comes first) says yes: both windows change hands."""
    with transaction.atomic():
        swap = _open(swap, actor, now)
        if swap.taker not in {"", actor.name} or swap.asker == actor.name:
            raise SwapRefused(f"This was asked of {swap.taker or 'the others'}.")
        swap.taker, swap.state, swap.answered_at = actor.name, Swap.State.ACCEPTED, now
        swap.save(update_fields=["taker", "state", "answered_at"])
        _stand_in(swap, actor.name, swap.asker, (swap.starts_at, swap.ends_at), actor, now)
        if swap.back_starts_at is not None and swap.back_ends_at is not None:
            _stand_in(swap, swap.asker, actor.name, (swap.back_starts_at, swap.back_ends_at), actor, now)
        _tell(swap, [swap.asker], f"{actor.name} takes your shift in {swap.schedule.name}.", "accepted", now)
        audit.record(actor=actor, verb="accept_swap", obj=swap, now=now, payload=_payload(swap))
    return swap


def decline_swap(*, swap: Swap, actor: Actor, now: datetime) -> Swap:
    """The one who was asked says no: nothing changes, and the asker hears it."""
    with transaction.atomic():
        swap = _open(swap, actor, now)
        if swap.taker != actor.name:
            raise SwapRefused("Only the one who was asked by name can decline.")
        _close(swap, Swap.State.DECLINED, now)
        _tell(swap, [swap.asker], f"{actor.name} cannot take your shift in {swap.schedule.name}.", "declined", now)
        audit.record(actor=actor, verb="decline_swap", obj=swap, now=now, payload=_payload(swap))
    return swap


def withdraw_swap(*, swap: Swap, actor: Actor, now: datetime) -> Swap:
    """The asker no longer asks."""
    with transaction.atomic():
        swap = _open(swap, actor, now)
        if swap.asker != actor.name:
            raise SwapRefused("Only who asked can withdraw it.")
        _close(swap, Swap.State.WITHDRAWN, now)
        audit.record(actor=actor, verb="withdraw_swap", obj=swap, now=now, payload=_payload(swap))
    return swap


def _open(swap: Swap, actor: Actor, now: datetime) -> Swap:
    permissions.require(actor, Verb.OVERRIDE, swap.schedule)
    found = Swap.objects.select_for_update(of=("self",)).select_related("schedule__organisation").get(pk=swap.pk)
    if found.state != Swap.State.ASKED:
        raise SwapRefused(f"It was answered already: {found.get_state_display().lower()}.")
    if found.starts_at <= now:
        raise SwapRefused("The shift has begun; use an override.")
    return found


def _close(swap: Swap, state: Swap.State, now: datetime) -> None:
    swap.state, swap.answered_at = state, now
    swap.save(update_fields=["state", "answered_at"])


def _has(schedule: Schedule, username: str, window: Window) -> bool:
    found = plan(schedule=schedule, start=window[0], end=window[1]).shifts(start=window[0], end=window[1])
    return any(username in shift.people for shift in found)


def _candidates(swap: Swap) -> list[str]:
    """Whom to ask: the taker, or everyone who has a shift in this schedule within four weeks."""
    if swap.taker:
        return [swap.taker]
    start, end = swap.starts_at, swap.starts_at + 4 * (swap.ends_at - swap.starts_at)
    found = plan(schedule=swap.schedule, start=start, end=end).shifts(start=start, end=end)
    return sorted({person for shift in found for person in shift.people} - {swap.asker})


def _stand_in(swap: Swap, username: str, instead_of: str, window: Window, actor: Actor, now: datetime) -> None:
    add_override(
        schedule=swap.schedule,
        username=username,
        instead_of=instead_of,
        starts_at=window[0],
        ends_at=window[1],
        kind=OverrideKind.INSTEAD,
        reason=f"swap with {instead_of}",
        swap=swap,
        actor=actor,
        now=now,
    )


def _tell(swap: Swap, usernames: list[str], text: str, verb: str, now: datetime) -> None:
    notices.write(
        schedule=swap.schedule,
        usernames=usernames,
        kind=ShiftNotice.Kind.SWAP,
        text=f"{text} {swap.note}".strip(),
        decision=f"swap {swap.pk} {verb}",
        now=now,
    )


def _said(window: Window) -> str:
    return f"{window[0]:%a %d %b %H:%M} to {window[1]:%a %d %b %H:%M} UTC"


def _payload(swap: Swap) -> dict[str, object]:
    return {
        "schedule": swap.schedule.slug,
        "asker": swap.asker,
        "taker": swap.taker,
        "starts_at": swap.starts_at.isoformat(),
        "ends_at": swap.ends_at.isoformat(),
    }
