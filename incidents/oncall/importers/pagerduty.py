"""PagerDuty: users, schedules, escalation policies as its REST API v2 gives them (/users, /schedules/{id}, with
schedule_layers, /escalation_policies). One JSON object with the lists under `users`, `schedules`, `escalation_policies`.
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
    listed,
    rotation_unit,
    username,
)
from incidents.oncall.rotation import Unit

_TARGETS = {"user": "user", "user_reference": "user", "schedule": "schedule", "schedule_reference": "schedule"}


def read(document: Mapping[str, Any]) -> Draft:
    """The export as a draft."""
    draft = Draft()
    for entry in listed(document, "users"):
        email = str(entry.get("email") or "")
        name = username(given="", email=email, taken=[user.username for user in draft.users])
        draft.users.append(DraftUser(str(entry["id"]), name, str(entry.get("name") or name), email))
    if not draft.users:
        raise ExportUnreadable('A PagerDuty export has its people under "users"; found none.')
    for entry in listed(document, "schedules"):
        draft.schedules.append(_schedule(entry, draft))
    for entry in listed(document, "escalation_policies"):
        draft.policies.append(_policy(entry, draft))
    return draft


def _schedule(entry: Mapping[str, Any], draft: Draft) -> DraftSchedule:
    """PagerDuty lists its layers highest first; here the highest is the last."""
    name, zone = str(entry.get("name") or entry.get("summary")), str(entry.get("time_zone") or "UTC")
    layers = [_layer(one, zone, draft, f"schedule {name}") for one in reversed(entry.get("schedule_layers") or [])]
    overrides = []
    known = draft.usernames()
    for one in entry.get("overrides") or []:
        key = str((one.get("user") or {}).get("id"))
        if key in known:
            overrides.append((key, _instant(one["start"]), _instant(one["end"])))
        else:
            draft.lost.append(f"schedule {name}: an override of somebody who is not in the export")
    if not entry.get("schedule_layers"):
        draft.lost.append(f"schedule {name}: no schedule_layers in the export; ask the API for each schedule by its id")
    found = tuple(layer for layer in layers if layer is not None)
    return DraftSchedule(str(entry["id"]), name, zone, found, tuple(overrides))


def _layer(layer: Mapping[str, Any], zone: str, draft: Draft, where: str) -> LayerDocument | None:
    label, names = str(layer.get("name") or layer.get("id")), draft.usernames()
    keys = [str((one.get("user") or {}).get("id")) for one in layer.get("users") or []]
    members = [MemberDocument(people=(names[key],)) for key in keys if key in names]
    length = rotation_unit(int(layer.get("rotation_turn_length_seconds") or 0))
    if length is None or not members:
        seconds = layer.get("rotation_turn_length_seconds")
        draft.lost.append(f"{where}, layer {label}: a turn of {seconds} s with {len(members)} people is left out")
        return None
    if len(members) < len(keys):
        draft.lost.append(f"{where}, layer {label}: {len(keys) - len(members)} people are not in the export")
    starts = _wall(layer.get("rotation_virtual_start") or layer["start"], zone)
    return LayerDocument(
        name=label[:100],
        unit=Unit(length[0]),
        every=length[1],
        starts=starts,
        until=_wall(layer["end"], zone) if layer.get("end") else None,
        members=tuple(members),
        hours=tuple(_hours(one) for one in layer.get("restrictions") or []),
    )


def _hours(one: Mapping[str, Any]) -> HoursDocument:
    """daily_restriction, or weekly_restriction with start_day_of_week 1 for Monday."""
    days = [DAYS[int(one["start_day_of_week"]) - 1]] if one.get("type") == "weekly_restriction" else list(DAYS)
    minutes = max(1, min(int(one["duration_seconds"]) // 60, 7 * 1440))
    return HoursDocument.model_validate({"days": days, "start": str(one["start_time_of_day"])[:5], "minutes": minutes})


def _policy(entry: Mapping[str, Any], draft: Draft) -> DraftPolicy:
    name = str(entry.get("name") or entry.get("summary"))
    steps = []
    for rule in entry.get("escalation_rules") or []:
        targets = []
        for one in rule.get("targets") or []:
            kind = _TARGETS.get(str(one.get("type")))
            if kind is None:
                draft.lost.append(f"policy {name}: a target of type {one.get('type')} has no equivalent here")
            else:
                targets.append((kind, str(one["id"])))
        round_robin = (rule.get("escalation_rule_assignment_strategy") or {}).get("type") == "round_robin"
        if targets:
            steps.append(DraftStep(tuple(targets), 60 * int(rule.get("escalation_delay_in_minutes") or 5), round_robin))
    return DraftPolicy(str(entry["id"]), name, tuple(steps), min(int(entry.get("num_loops") or 0), 20))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _wall(text: str, zone: str) -> datetime:
    return _instant(text).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
