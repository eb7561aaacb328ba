"""When each of a person's pagers rings. Pure.

Without rules for a severity all ring at once: a rule never makes a page disappear. In quiet hours what is milder than the
person lets through waits until they end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from incidents.oncall.schedule import MOMENT, Hours, open_hours


@dataclass(frozen=True, slots=True)
class Rule:
    """Ring this pager `after_seconds`, for incidents of `mildest_severity` or worse."""

    endpoint_id: int
    after_seconds: int
    mildest_severity: int = 5


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which only incidents of severity `comes_through` or worse ring at once."""

    hours: tuple[Hours, ...]
    zone: ZoneInfo
    comes_through: int = 2


def plan(
    *, endpoints: Sequence[int], rules: Sequence[Rule], quiet: Quiet | None, severity: int, now: datetime
) -> dict[int, tuple[datetime, ...]]:
    """The instants at which each endpoint rings, by id.

    Push at once and the phone after 2 minutes, SEV2 at 12:00 → {push: 12:00, phone: 12:02}; a SEV4 at 23:00 in quiet hours
    until 07:00 → the same from 07:00.
    """
    begins = _begins(quiet, severity, now)
    mine = counting(rules=rules, endpoints=endpoints, severity=severity)
    if not mine:
        return dict.fromkeys(endpoints, (begins,))
    found: dict[int, tuple[datetime, ...]] = {}
    for rule in sorted(mine, key=lambda rule: rule.after_seconds):
        at = begins + timedelta(seconds=rule.after_seconds)
        found[rule.endpoint_id] = (*found.get(rule.endpoint_id, ()), at)
    return found


def counting(*, rules: Sequence[Rule], endpoints: Sequence[int], severity: int) -> list[Rule]:
    """The rules that speak of this severity and of pagers that are there."""
    return [rule for rule in rules if severity <= rule.mildest_severity and rule.endpoint_id in endpoints]


def _begins(quiet: Quiet | None, severity: int, now: datetime) -> datetime:
    if quiet is None or not quiet.hours or severity <= quiet.comes_through:
        return now
    windows = open_hours(hours=quiet.hours, zone=quiet.zone, start=now, end=now + MOMENT)
    return windows[-1][1] if windows else now
