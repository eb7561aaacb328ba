"""Silences made, ended, announced before they end. What they quiet is decided where alerts are placed: here it is only asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from incidents.alerts import queries as alerts
from incidents.alerts.matchers import BadMatcher, Matcher, parse_all, said
from incidents.alerts.models import Alert
from incidents.alerts.silences import notice_at
from incidents.oncall.models import ShiftNotice
from incidents.oncall.services import notices
from incidents.silences import queries
from incidents.silences.models import Notice, Silence
from observability.core import audit, claims, permissions, questions, words
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused

LONGEST = timedelta(days=90)


class NoSilence(Refused):
    """The silence cannot be made or changed; the message says why."""


def silence(
    *,
    organisation: Organisation,
    matchers: Sequence[str],
    starts_at: datetime,
    ends_at: datetime,
    comment: str,
    actor: Actor,
    now: datetime,
) -> Silence:
    """Keep quiet what fits, from `starts_at` (now, or later) until `ends_at`. What fires already becomes quiet at once."""
    permissions.require(actor, Verb.SILENCE, organisation)
    rules = checked(matchers)
    if not comment.strip():
        raise NoSilence("A silence needs a comment: why is it quiet, and who knows more?")
    starts_at = max(starts_at, now)
    if not now < ends_at <= now + LONGEST or ends_at <= starts_at:
        raise NoSilence(f"A silence ends after it starts, after now, and within {LONGEST.days} days.")
    with transaction.atomic():
        row = Silence.objects.create(
            organisation=organisation,
            matchers=[str(rule) for rule in rules],
            comment=comment.strip()[:500],
            starts_at=starts_at,
            ends_at=ends_at,
            created_at=now,
            created_by_id=actor.user_id,
            due_at=starts_at if starts_at > now else notice_at(starts_at=starts_at, ends_at=ends_at),
        )
        if starts_at <= now:
            look_again(organisation=organisation, rules=rules, now=now)
        payload = {"matchers": row.matchers, "ends_at": ends_at.isoformat(), "comment": row.comment}
        audit.record(actor=actor, verb="silence", obj=row, now=now, payload=payload)
    return row


def checked(matchers: Sequence[str]) -> tuple[Matcher, ...]:
    """The matchers; one at least must say something of its own: what fits everything is no silence but an outage of ours."""
    try:
        rules = parse_all(matchers)
    except BadMatcher as error:
        raise NoSilence(f"A matcher cannot be read: {error}.") from error
    if not any(rule.operator in {"=", "=~"} and rule.value not in {"", ".*"} for rule in rules):
        raise NoSilence('At least one matcher must name what is silenced, such as service="chat".')
    return rules


def end(*, silence: Silence, actor: Actor, now: datetime) -> Silence:
    """It ends now. What still fires is placed, and pages, at once."""
    permissions.require(actor, Verb.SILENCE, silence)
    with transaction.atomic():
        silence = Silence.objects.select_for_update().select_related("organisation").get(pk=silence.pk)
        if silence.ends_at <= now:
            return silence
        silence.starts_at, silence.ends_at, silence.due_at = min(silence.starts_at, now), now, None
        silence.save(update_fields=["starts_at", "ends_at", "due_at"])
        look_again(organisation=silence.organisation, rules=(), now=now)
        audit.record(actor=actor, verb="end_silence", obj=silence, now=now)
    return silence


def prolong(*, silence: Silence, ends_at: datetime, actor: Actor, now: datetime) -> Silence:
    """Until later; it is announced anew."""
    permissions.require(actor, Verb.SILENCE, silence)
    with transaction.atomic():
        silence = Silence.objects.select_for_update().get(pk=silence.pk)
        if not max(now, silence.ends_at) < ends_at <= now + LONGEST or silence.ends_at <= now:
            raise NoSilence(f"A silence that has not ended can be prolonged, to at most {LONGEST.days} days from now.")
        silence.ends_at, silence.noticed = ends_at, False
        silence.due_at = max(silence.starts_at, notice_at(starts_at=silence.starts_at, ends_at=ends_at))
        silence.save(update_fields=["ends_at", "noticed", "due_at"])
        look_again(organisation=silence.organisation, rules=parse_all(silence.matchers), now=now)
        audit.record(
            actor=actor, verb="prolong_silence", obj=silence, now=now, payload={"ends_at": ends_at.isoformat()}
        )
    return silence


@questions.first(questions.due(Silence))
def run_silences(*, now: datetime) -> int:
    """Begin those that were planned, announce those that will end, and end them. One row locked at a time."""
    return claims.one_at_a_time(
        queries.due(now=now), lambda row: _advance(row, now), failed="silence %s could not be advanced"
    )


def _advance(row: Silence, now: datetime) -> None:
    announce_at = notice_at(starts_at=row.starts_at, ends_at=row.ends_at)
    if now >= row.ends_at:
        row.due_at = None
        look_again(organisation=row.organisation, rules=(), now=now)
    elif now >= announce_at and not row.noticed:
        row.noticed, row.due_at = True, row.ends_at
        left = words.duration((row.ends_at - now).total_seconds())
        text = f"The silence of {said(parse_all(row.matchers))} ends in {left}: {row.comment}"
        tell(
            organisation=row.organisation,
            kind="silence ends",
            text=text,
            until=row.ends_at,
            user=row.created_by,
            now=now,
        )
    else:
        row.due_at = row.ends_at if row.noticed else announce_at
        look_again(organisation=row.organisation, rules=parse_all(row.matchers), now=now)
    row.save(update_fields=["noticed", "due_at"])


def look_again(*, organisation: Organisation, rules: Sequence[Matcher], now: datetime) -> None:
    """Have alerts that fire judged anew: those that the rules fit, and without rules those that are quiet."""
    rows = Alert.objects.filter(organisation=organisation, state=Alert.State.FIRING)
    if rules:
        rows = alerts.that_may_fit(rows=rows, rules=rules)
    else:
        rows = rows.filter(told=Alert.Told.MUTED)
    rows.update(place_at=now)


def tell(
    *, organisation: Organisation, kind: str, text: str, until: datetime, user: User | None, now: datetime
) -> Notice:
    """A notice, shown until `until`, and sent to who asked for it; without one to the rooms and to who is on call."""
    notice = Notice.objects.create(
        organisation=organisation, at=now, until=until, kind=kind, text=text[:500], user=user
    )
    about = ShiftNotice.Kind.MAINTENANCE if kind == "maintenance" else ShiftNotice.Kind.SILENCE
    decision = f"notice {notice.pk}"
    notices.write_ahead(organisation=organisation, user=user, kind=about, text=notice.text, decision=decision, now=now)
    return notice
