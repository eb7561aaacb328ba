"""When an exclusion holds: stretches of time, once or by a rule. Pure.

A rule is RFC 5545's RRULE, read on the local calendar of its zone: 02:00 every Sunday in Berlin stays 02:00 when clocks change.
Stretches that overlap are one. History is kept more coarsely as it ages (30 s for 7 h, 5 min for 4 days, then hours), so an old
stretch is widened to whole steps: what is excluded is at least what was asked for, and the exclusion says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rruleset, rrulestr

#: A rule that comes more often has no meaning for budgets, and would be expanded for ever.
MOST_STRETCHES = 2_000
FINE_FOR, MIDDLE_FOR = timedelta(hours=7), timedelta(days=4)


class BadRule(ValueError):
    """The message says what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class Stretch:
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """`starts_at` is the first occurrence; without `rrule` it is the only one. `until` ends a rule that was called off."""

    starts_at: datetime
    duration: timedelta
    rrule: str = ""
    zone: str = "UTC"
    until: datetime | None = None


def checked(rule: Rule) -> Rule:
    """The rule, or BadRule with the reason why it cannot be."""
    if rule.starts_at.tzinfo is None:
        raise BadRule(f"found the start {rule.starts_at}, expected a moment with an offset")
    if not timedelta(minutes=1) <= rule.duration <= timedelta(days=31):
        raise BadRule(f"found a duration of {rule.duration}, expected 1 minute to 31 days")
    try:
        ZoneInfo(rule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadRule(f"found the zone {rule.zone!r}, expected a name such as Europe/Berlin") from None
    if rule.rrule:
        found = _parsed(rule)
        first = list(islice(found, 2))
        if not first:
            raise BadRule(f"found {rule.rrule!r}, expected a rule that happens at all")
        if len(first) > 1 and first[1] - first[0] < timedelta(minutes=15):
            raise BadRule(f"found {rule.rrule!r}, expected a rule that leaves 15 minutes between starts")
    return rule


def _parsed(rule: Rule) -> rrule | rruleset:
    local = rule.starts_at.astimezone(ZoneInfo(rule.zone)).replace(tzinfo=None)
    text = rule.rrule.removeprefix("RRULE:")
    if not text.upper().startswith("FREQ=") or "\n" in text:
        raise BadRule(f"found {rule.rrule!r}, expected an RRULE such as FREQ=WEEKLY;BYDAY=SU")
    # The calendar is local and naive, so that clock changes move nothing; an UNTIL in UTC is taken as local too.
    text = ";".join(part.rstrip("Zz") if part.upper().startswith("UNTIL=") else part for part in text.split(";"))
    try:
        return rrulestr(text, dtstart=local)
    except (ValueError, TypeError, KeyError) as error:
        raise BadRule(f"found {rule.rrule!r} ({error}), expected an RRULE such as FREQ=WEEKLY;BYDAY=SU") from error


def stretches(rule: Rule, *, start: datetime, end: datetime) -> list[Stretch]:
    """The parts of start..end that a rule excludes, oldest first."""
    if rule.until is not None:
        end = min(end, rule.until)
    if not rule.rrule:
        found = [Stretch(rule.starts_at, rule.starts_at + rule.duration)]
    else:
        zone = ZoneInfo(rule.zone)
        first = (start - rule.duration).astimezone(zone).replace(tzinfo=None)
        last = end.astimezone(zone).replace(tzinfo=None)
        local = _parsed(rule).xafter(first, inc=True)
        found = []
        for moment in islice(local, MOST_STRETCHES):
            if moment > last:
                break
            began = moment.replace(tzinfo=zone).astimezone(UTC)
            found.append(Stretch(began, began + rule.duration))
    return [Stretch(max(one.start, start), min(one.end, end)) for one in found if one.end > start and one.start < end]


def united(found: Iterable[Stretch]) -> list[Stretch]:
    """Stretches that overlap or touch are one: nothing is excluded twice."""
    result: list[Stretch] = []
    for one in sorted(found, key=lambda each: each.start):
        if result and one.start <= result[-1].end:
            result[-1] = Stretch(result[-1].start, max(result[-1].end, one.end))
        else:
            result.append(one)
    return result


def step_seconds(*, at: datetime, now: datetime) -> int:
    """How finely history is kept there: 30, 300 or 3600 seconds."""
    age = now - at
    return 30 if age <= FINE_FOR else 300 if age <= MIDDLE_FOR else 3600


def widened(one: Stretch, *, now: datetime) -> Stretch:
    """To whole steps of what history keeps: 10:10 to 10:20 of last week are 10:00 to 11:00."""
    began, ended = one.start.timestamp(), one.end.timestamp()
    before = step_seconds(at=one.start, now=now)
    after = step_seconds(at=one.end, now=now)
    return Stretch(
        datetime.fromtimestamp(began // before * before, UTC), datetime.fromtimestamp(-(-ended // after) * after, UTC)
    )


def widening_notice(found: Sequence[Stretch], *, now: datetime) -> str:
    """The sentence about stretches that had to be widened; empty where none was."""
    if all(widened(one, now=now) == one for one in found):
        return ""
    coarse = any(step_seconds(at=one.start, now=now) == 3600 for one in found)
    step = "hour" if coarse else "step of history"
    return f"Exclusions are widened to the {step}: older history is kept no finer."


def excluded_seconds(found: Sequence[Stretch], *, start: datetime, end: datetime) -> float:
    """How much of start..end is excluded."""
    return sum(max((min(one.end, end) - max(one.start, start)).total_seconds(), 0.0) for one in united(found))
