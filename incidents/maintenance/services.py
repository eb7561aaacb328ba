"""Maintenance planned, announced, begun and ended. What still fires at its end is placed then, and notifies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from django.db import transaction

from incidents.alerts.maintenance import BadRule, Plan, next_window
from incidents.alerts.matchers import parse_all
from incidents.maintenance import queries
from incidents.maintenance.models import Maintenance
from incidents.silences import services as silences
from observability.core import audit, claims, permissions, questions, words
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Change, Service

LONGEST_ANNOUNCEMENT = timedelta(days=14)
State = Maintenance.State


class NoMaintenance(Refused):
    """The plan cannot be used; the message says why."""


def plan(
    *,
    organisation: Organisation,
    name: str,
    matchers: Sequence[str],
    when: Plan,
    announce: timedelta,
    actor: Actor,
    now: datetime,
) -> Maintenance:
    """Plan windows of maintenance, the first of them still to end."""
    permissions.require(actor, Verb.SILENCE, organisation)
    if not name.strip():
        raise NoMaintenance("Maintenance needs a name: it is announced under it.")
    if when.zone not in available_timezones():
        raise NoMaintenance(f"zone: found {when.zone!r}, expected a name of the IANA list such as Europe/Paris.")
    if not timedelta(0) <= announce <= LONGEST_ANNOUNCEMENT:
        raise NoMaintenance(f"It is announced at most {LONGEST_ANNOUNCEMENT.days} days ahead.")
    rules = silences.checked(matchers)
    try:
        when.check()
        window = next_window(plan=when, after=now)
    except BadRule as error:
        raise NoMaintenance(f"The windows cannot be worked out: {error}.") from error
    if window is None:
        raise NoMaintenance("Every window of this plan is over already.")
    with transaction.atomic():
        row = Maintenance.objects.create(
            organisation=organisation,
            name=name.strip()[:200],
            matchers=[str(rule) for rule in rules],
            first=when.first.replace(tzinfo=None).isoformat(timespec="seconds"),
            zone=when.zone,
            length_seconds=int(when.length.total_seconds()),
            rule=when.rule,
            announce_seconds=int(announce.total_seconds()),
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            due_at=max(now, window.starts_at - announce),
            created_at=now,
            created_by_id=actor.user_id,
        )
        payload = {"name": row.name, "starts_at": row.starts_at.isoformat(), "rule": row.rule}
        audit.record(actor=actor, verb="plan_maintenance", obj=row, now=now, payload=payload)
    return row


def cancel(*, maintenance: Maintenance, actor: Actor, now: datetime) -> Maintenance:
    """No more windows; one that is under way ends now, and what still fires notifies."""
    permissions.require(actor, Verb.SILENCE, maintenance)
    with transaction.atomic():
        row = Maintenance.objects.select_for_update().select_related("organisation").get(pk=maintenance.pk)
        if row.state in {State.OVER, State.CANCELLED}:
            return row
        row.state, row.due_at = State.CANCELLED, None
        row.ends_at = max(row.starts_at, min(row.ends_at, now))
        row.save(update_fields=["state", "due_at", "ends_at"])
        silences.look_again(organisation=row.organisation, rules=(), now=now)
        audit.record(actor=actor, verb="cancel_maintenance", obj=row, now=now)
    return row


@questions.first(questions.due(Maintenance))
def run_maintenance(*, now: datetime) -> int:
    """Announce, begin and end what is due. One row locked at a time."""
    return claims.one_at_a_time(
        queries.due(now=now), lambda row: _advance(row, now), failed="maintenance %s could not be advanced"
    )


def _advance(row: Maintenance, now: datetime) -> None:
    """One step: planned → announced → under way → the next window, or over. A step that comes late is taken all the same."""
    if now >= row.ends_at:
        _end(row, now)
    elif now >= row.starts_at:
        row.state, row.due_at = State.ACTIVE, row.ends_at
        _note_changes(row, now)
        silences.look_again(organisation=row.organisation, rules=parse_all(row.matchers), now=now)
    else:
        row.state, row.due_at = State.ANNOUNCED, row.starts_at
        ahead = words.duration((row.starts_at - now).total_seconds())
        text = f"Maintenance in {ahead}: {row.name}, for {words.duration(row.length_seconds)}"
        silences.tell(
            organisation=row.organisation, kind="maintenance", text=text, until=row.ends_at, user=None, now=now
        )
    row.save(update_fields=["state", "due_at", "starts_at", "ends_at"])


def _end(row: Maintenance, now: datetime) -> None:
    silences.look_again(organisation=row.organisation, rules=(), now=now)
    window = next_window(plan=queries.plan_of(row), after=max(now, row.ends_at)) if row.rule else None
    if window is None:
        row.state, row.due_at = State.OVER, None
        return
    row.state, row.starts_at, row.ends_at = State.PLANNED, window.starts_at, window.ends_at
    row.due_at = max(now, window.starts_at - timedelta(seconds=row.announce_seconds))


def _note_changes(row: Maintenance, now: datetime) -> None:
    """Maintenance is a change of the services that its matchers name: the diagnosis and Now show it."""
    slugs = [rule.value for rule in parse_all(row.matchers) if (rule.name, rule.operator) == ("service", "=")]
    Change.objects.bulk_create(
        Change(service=service, kind=Change.Kind.MAINTENANCE, at=now, before={}, after={"maintenance": row.name})
        for service in Service.objects.filter(organisation=row.organisation, slug__in=slugs)
    )
