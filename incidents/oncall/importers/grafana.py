"""Grafana OnCall: users, on-call shifts, schedules, escalation chains and policies as its public API gives them (/api/v1/).

One JSON object with the lists under `users`, `on_call_shifts`, `schedules`, `escalation_chains`, `escalation_policies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from incidents.oncall.document import DAYS, HoursDocument, LayerDocument, MemberDocument, ShiftDocument
from incidents.oncall.importers.draft import (
    Draft,
    DraftPolicy,
    DraftSchedule,
    DraftStep,
    DraftUser,
    ExportUnreadable,
    listed,
    username,
)
from incidents.oncall.rotation import Unit
from incidents.oncall.walltime import instant

_ICAL_DAYS = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), DAYS, strict=True))
_UNITS = {"hourly": Unit.HOURLY, "daily": Unit.DAILY, "weekly": Unit.WEEKLY, "monthly": Unit.MONTHLY}
_SECONDS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800}


def read(document: Mapping[str, Any]) -> Draft:
    """The export as a draft."""
    draft = Draft()
    for entry in listed(document, "users"):
        taken = [user.username for user in draft.users]
        name = username(given=str(entry.get("username") or ""), email=str(entry.get("email") or ""), taken=taken)
        full = str(entry.get("name") or entry.get("username") or name)
        draft.users.append(DraftUser(str(entry["id"]), name, full, str(entry.get("email") or "")))
    if not draft.users:
        raise ExportUnreadable('A Grafana OnCall export has its people under "users"; found none.')
    shifts = {str(entry["id"]): entry for entry in listed(document, "on_call_shifts", "shifts")}
    for entry in listed(document, "schedules"):
        draft.schedules.append(_schedule(entry, shifts, draft))
    _policies(document, draft)
    return draft


def _schedule(entry: Mapping[str, Any], shifts: Mapping[str, Mapping[str, Any]], draft: Draft) -> DraftSchedule:
    name, zone = str(entry.get("name") or entry["id"]), str(entry.get("time_zone") or "UTC")
    layers: list[tuple[int, LayerDocument]] = []
    for key in entry.get("shifts") or []:
        shift = shifts.get(str(key))
        layer = _layer(shift, zone, draft, f"schedule {name}") if shift is not None else None
        if shift is None:
            draft.lost.append(f"schedule {name}: shift {key} is not in the export")
        elif layer is not None:
            layers.append((int(shift.get("level") or 0), layer))
    for kind in ("ical_url_primary", "ical_url_overrides"):
        if entry.get(kind):
            draft.lost.append(f"schedule {name}: {kind} {entry[kind]}; import the calendar with `oncall ical`")
    return DraftSchedule(
        str(entry["id"]), name, zone, tuple(layer for _, layer in sorted(layers, key=lambda pair: pair[0]))
    )


def _layer(shift: Mapping[str, Any], schedule_zone: str, draft: Draft, where: str) -> LayerDocument | None:
    names, label = draft.usernames(), str(shift.get("name") or shift["id"])
    zone = str(shift.get("time_zone") or schedule_zone)
    start = _wall(shift.get("rotation_start") or shift["start"], zone)
    first = _wall(shift["start"], zone)
    duration = int(shift.get("duration") or 0)
    turns = _turns(shift, names)
    if not turns:
        draft.lost.append(f"{where}: shift {label} names nobody in the export")
        return None
    if shift.get("type") == "single_event":
        begin = instant(first, ZoneInfo(zone))
        end = datetime.fromtimestamp(begin.timestamp() + duration, UTC)
        return LayerDocument(name=label, shifts=(ShiftDocument(starts=begin, ends=end, people=turns[0]),))
    frequency, every = str(shift.get("frequency") or "weekly"), int(shift.get("interval") or 1)
    if frequency not in _UNITS:
        draft.lost.append(f"{where}: shift {label} recurs {frequency}, which no rotation here does")
        return None
    if shift.get("by_month") or shift.get("by_monthday"):
        draft.lost.append(f"{where}: shift {label} is limited to days of the month; it was taken without that limit")
    hours = _hours(shift, first, frequency, every, duration)
    begin = first if frequency == "hourly" else start.replace(hour=first.hour, minute=first.minute)
    if frequency == "weekly" and hours:
        begin = begin.replace(hour=0, minute=0)  # the turn changes with the week, the hours say when within it
    return LayerDocument(
        name=label,
        zone=zone,
        unit=_UNITS[frequency],
        every=every,
        starts=begin,
        until=_wall(shift["until"], zone) if shift.get("until") else None,
        members=tuple(MemberDocument(people=people) for people in turns),
        hours=hours,
    )


def _turns(shift: Mapping[str, Any], names: Mapping[str, str]) -> list[tuple[str, ...]]:
    rolling = shift.get("rolling_users") or [shift.get("users") or []]
    first = int(shift.get("start_rotation_from_user_index") or 0)
    ordered = [*rolling[first:], *rolling[:first]]
    turns = [tuple(names[str(key)] for key in group if str(key) in names) for group in ordered]
    return [people for people in turns if people]


def _hours(
    shift: Mapping[str, Any], first: datetime, frequency: str, every: int, duration: int
) -> tuple[HoursDocument, ...]:
    """A shift shorter than its turn is on call in those hours only; one with days of the week on those days only."""
    days = tuple(_ICAL_DAYS[day] for day in shift.get("by_day") or [] if day in _ICAL_DAYS)
    whole = duration >= _SECONDS.get(frequency, 0) * every
    if duration < 60 or (whole and not days):
        return ()
    if not days:
        days = DAYS if frequency in {"daily", "hourly"} else (DAYS[first.weekday()],)
    return (HoursDocument(days=days, start=first.time(), minutes=min(duration // 60, 7 * 1440)),)


def _policies(document: Mapping[str, Any], draft: Draft) -> None:
    chains = listed(document, "escalation_chains")
    steps = sorted(listed(document, "escalation_policies"), key=lambda one: int(one.get("position") or 0))
    for chain in chains:
        mine = [step for step in steps if step.get("escalation_chain_id") == chain["id"]]
        found, repeats = _steps(mine, draft, f"chain {chain.get('name')}")
        draft.policies.append(DraftPolicy(str(chain["id"]), str(chain.get("name") or chain["id"]), found, repeats))


def _steps(entries: list[Mapping[str, Any]], draft: Draft, where: str) -> tuple[tuple[DraftStep, ...], int]:
    """Its waits stand between the steps; here a step waits after it has told its people."""
    found: list[DraftStep] = []
    repeats = 0
    for entry in entries:
        kind = str(entry.get("type"))
        if kind == "wait":
            seconds = int(entry.get("duration") or 300)
            if found:
                last = found[-1]
                found[-1] = DraftStep(
                    last.targets, last.after_seconds + seconds, last.round_robin, last.mildest_severity
                )
            continue
        targets = _targets(entry)
        if kind == "repeat_escalation":
            repeats = 5  # what OnCall itself stops at
        elif targets:
            found.append(DraftStep(targets, 0, kind == "notify_person_next_each_time"))
        else:
            draft.lost.append(f"{where}: a step of type {kind} has no equivalent here")
    return tuple(found), repeats


def _targets(entry: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    people = entry.get("persons_to_notify_next_each_time") or entry.get("persons_to_notify") or []
    schedule = entry.get("notify_on_call_from_schedule")
    return (*(("user", str(key)) for key in people), *((("schedule", str(schedule)),) if schedule else ()))


def _wall(text: Any, zone: str) -> datetime:
    """OnCall gives wall times without an offset for the shift's zone; with one they are converted."""
    at = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return at if at.tzinfo is None else at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
