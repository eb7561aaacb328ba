"""Opsgenie: users, schedules with rotations, escalations as its API gives them (/v2/users, /v2/schedules?expand=rotation,
/v2/escalations). One JSON object with the lists under `users`, `schedules`, `escalations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from incidents.oncall.document import DAYS, HoursDocument, LayerDocument, MemberDocument
from incidents.oncall.importers.draft import (
    Draft,
    DraftPolicy,
    DraftSchedule,
    DraftStep,
    DraftUser,
    ExportUnreadable,
    hours_between,
    listed,
    username,
)
from incidents.oncall.rotation import Unit

_WEEK = dict(zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), DAYS, strict=True))
_UNITS = {"hourly": Unit.HOURLY, "daily": Unit.DAILY, "weekly": Unit.WEEKLY}


def read(document: Mapping[str, Any]) -> Draft:
    """The export as a draft."""
    draft = Draft()
    for entry in listed(document, "users", "data"):
        email = str(entry.get("username") or "")
        name = username(given="", email=email, taken=[user.username for user in draft.users])
        draft.users.append(DraftUser(str(entry["id"]), name, str(entry.get("fullName") or name), email))
    if not draft.users:
        raise ExportUnreadable('An Opsgenie export has its people under "users"; found none.')
    for entry in listed(document, "schedules"):
        name, zone = str(entry.get("name")), str(entry.get("timezone") or "UTC")
        rotations = entry.get("rotations") or []
        layers = [_layer(one, zone, draft, f"schedule {name}") for one in rotations]
        draft.schedules.append(
            DraftSchedule(str(entry["id"]), name, zone, tuple(one for one in layers if one is not None))
        )
        if entry.get("enabled") is False:
            draft.lost.append(f"schedule {name}: it is disabled there; here it counts")
    for entry in listed(document, "escalations"):
        draft.policies.append(_policy(entry, draft))
    return draft


def _layer(rotation: Mapping[str, Any], zone: str, draft: Draft, where: str) -> LayerDocument | None:
    label = str(rotation.get("name") or rotation.get("id"))
    by_key = draft.usernames() | {user.email: user.username for user in draft.users}
    members = []
    for one in rotation.get("participants") or []:
        key = str(one.get("id") if one.get("id") in by_key else one.get("username") or one.get("id"))
        if one.get("type") == "user" and key in by_key:
            members.append(MemberDocument(people=(by_key[key],)))
        else:
            draft.lost.append(f"{where}, rotation {label}: participant of type {one.get('type')} is left out")
    unit = _UNITS.get(str(rotation.get("type")))
    if unit is None or not members:
        draft.lost.append(
            f"{where}, rotation {label}: type {rotation.get('type')} with {len(members)} people is left out"
        )
        return None
    return LayerDocument(
        name=label[:100],
        unit=unit,
        every=int(rotation.get("length") or 1),
        starts=_wall(rotation["startDate"], zone),
        until=_wall(rotation["endDate"], zone) if rotation.get("endDate") else None,
        members=tuple(members),
        hours=_hours(rotation.get("timeRestriction") or {}),
    )


def _hours(restriction: Mapping[str, Any]) -> tuple[HoursDocument, ...]:
    if restriction.get("type") == "time-of-day":
        one = restriction.get("restriction") or {}
        start, minutes = hours_between(_clock(one, "start"), _clock(one, "end"))
        return (HoursDocument.model_validate({"start": start, "minutes": minutes}),)
    return tuple(_weekly(one) for one in restriction.get("restrictions") or [])


def _weekly(one: Mapping[str, Any]) -> HoursDocument:
    """From a day and hour to a day and hour: Friday 17:00 to Monday 09:00 is 3840 minutes from Friday."""
    first, last = (_WEEK[str(one[name]).lower()] for name in ("startDay", "endDay"))
    days = (DAYS.index(last) - DAYS.index(first)) % 7
    begin, end = (int(one.get(f"{edge}Hour") or 0) * 60 + int(one.get(f"{edge}Min") or 0) for edge in ("start", "end"))
    minutes = days * 1440 + end - begin
    return HoursDocument.model_validate(
        {"days": [first], "start": _clock(one, "start"), "minutes": minutes if minutes > 0 else minutes + 7 * 1440}
    )


def _policy(entry: Mapping[str, Any], draft: Draft) -> DraftPolicy:
    """Its delays count from the alert; here a step waits for the next one: 0, 5, 15 minutes → 5, 10, 5."""
    name = str(entry.get("name"))
    rules = sorted(entry.get("rules") or [], key=lambda rule: int((rule.get("delay") or {}).get("timeAmount") or 0))
    delays = [_seconds(rule.get("delay") or {}) for rule in rules]
    steps = []
    for place, rule in enumerate(rules):
        target = _target(rule.get("recipient") or {})
        following = delays[place + 1] if place + 1 < len(rules) else delays[place] + 300
        if target is None:
            kind = (rule.get("recipient") or {}).get("type")
            draft.lost.append(f"escalation {name}: a rule that tells a {kind} has no equivalent here")
            continue
        if rule.get("notifyType") not in {None, "default", "all"}:
            draft.lost.append(
                f"escalation {name}: rule {place + 1} tells {rule['notifyType']} only; here it tells who is on call"
            )
        steps.append(DraftStep((target,), following - delays[place]))
    if delays and delays[0]:
        draft.lost.append(
            f"escalation {name}: its first rule waits {delays[0]} s; here the first step is taken at once"
        )
    repeat = entry.get("repeat") or {}
    return DraftPolicy(str(entry["id"]), name, tuple(steps), int(repeat.get("count") or 0))


def _target(recipient: Mapping[str, Any]) -> tuple[str, str] | None:
    kind = recipient.get("type")
    return (str(kind), str(recipient.get("id"))) if kind in {"user", "schedule"} else None


def _seconds(delay: Mapping[str, Any]) -> int:
    unit = {"minutes": 60, "hours": 3600, "days": 86_400}.get(str(delay.get("timeUnit") or "minutes"), 60)
    return int(delay.get("timeAmount") or 0) * unit


def _clock(one: Mapping[str, Any], edge: str) -> str:
    return f"{int(one.get(f'{edge}Hour') or 0):02}:{int(one.get(f'{edge}Min') or 0):02}"


def _wall(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
