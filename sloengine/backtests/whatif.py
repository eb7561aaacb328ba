"""The same history under other targets and windows, and what is printed of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sloengine.backtests.counted import Past
from sloengine.backtests.replay import Alert, Outcome
from sloengine.backtests.replay import replay as _replay
from sloengine.objectives.objective import Objective, goal_sentence

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Backtest:
    """One objective as it is, and as it could be."""

    outcome: Outcome
    alternatives: tuple[Outcome, ...]


def backtest(
    *,
    past: Past,
    start: datetime,
    targets: Iterable[Decimal] = (),
    windows: Iterable[timedelta] = (),
) -> Backtest:
    """The objective over its past since `start`, and once for each other target and window."""
    others = [other for other in variants(past.promise, targets=targets, windows=windows) if other != past.promise]
    return Backtest(
        _replay(past=past, start=start),
        tuple(_replay(past=replace(past, promise=other), start=start) for other in others),
    )


def variants(promise: Objective, *, targets: Iterable[Decimal], windows: Iterable[timedelta]) -> list[Objective]:
    """Each target with each window; what is not given stays as it is. Another window is a rolling one, whatever calendar there is."""
    rolling = replace(promise, terms=replace(promise.terms, calendar=None))
    return [
        replace(base, target=target, window=window)
        for base, window in ([(rolling, window) for window in windows] or [(promise, promise.window)])
        for target in (tuple(targets) or (promise.target,))
    ]


def parse_targets(text: str) -> tuple[Decimal, ...]:
    """ "0.99,99.9%" is (Decimal("0.99"), Decimal("0.999")); raises ValueError."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            target = Decimal(part.removesuffix("%")) / (100 if part.endswith("%") else 1)
        except InvalidOperation:
            target = Decimal(0)
        if not 0 < target < 1:
            raise ValueError(f"found target {part!r}, expected ratios such as 0.995 or percentages such as 99.5%")
        found.append(target)
    return tuple(found)


def parse_windows(text: str) -> tuple[timedelta, ...]:
    """ "7d,4w" is a week and four; raises ValueError."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if not re.fullmatch(r"[1-9]\d{0,2}[hdw]", part):
            raise ValueError(f"found window {part!r}, expected hours, days or weeks such as 12h, 30d, 4w")
        found.append(int(part[:-1]) * _UNITS[part[-1]])
    return tuple(found)


def rows(tests: Sequence[Backtest]) -> list[tuple[str, ...]]:
    """The table that is printed: one line an objective, its variants indented under it."""
    found: list[tuple[str, ...]] = [
        ("objective", "target", "window", "pages", "tickets", "bad", "of", "attained", "budget spent")
    ]
    for test in tests:
        found.append((test.outcome.promise.key, *_figures(test.outcome)))
        found += [("  what if", *_figures(other)) for other in test.alternatives]
    return found


def alert_lines(outcome: Outcome) -> list[str]:
    """2026-11-17 10:05  fast (page)  25 min  burning 16.7 and 200 times too fast, 12 of 340 bad"""
    return [
        f"{alert.since:%Y-%m-%d %H:%M}  {alert.tier} ({alert.severity})  {_lasted(alert)}  burning {_rate(alert.burn_long)} and"
        f" {_rate(alert.burn_short)} times too fast, {alert.bad:,.0f} of {alert.total:,.0f} bad"
        for alert in outcome.alerts
    ]


def as_json(test: Backtest) -> dict[str, Any]:
    return {**outcome_json(test.outcome), "alternatives": [outcome_json(other) for other in test.alternatives]}


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    promise, budget = outcome.promise, outcome.budget
    return {
        "service": promise.service,
        "objective": promise.slug,
        "goal": goal_sentence(promise),
        "target": str(promise.target),
        "window_seconds": promise.window.total_seconds(),
        "from": outcome.start.isoformat(),
        "to": outcome.end.isoformat(),
        "alerts": [
            {
                "tier": alert.tier,
                "severity": alert.severity,
                "since": alert.since.isoformat(),
                "cleared_at": alert.cleared_at.isoformat() if alert.cleared_at is not None else None,
                "impact_start": alert.impact_start.isoformat(),
                "burn_rate_long": alert.burn_long,
                "burn_rate_short": alert.burn_short,
                "bad": alert.bad,
                "total": alert.total,
            }
            for alert in outcome.alerts
        ],
        "state": str(budget.state),
        "bad": budget.bad,
        "total": budget.total,
        "attained_ratio": budget.attained_ratio,
        "spent_ratio": budget.spent_ratio,
        "partial": budget.partial,
        "notices": list(outcome.notices),
        "curve": [
            {"at": point.at.isoformat(), "remaining_ratio": point.remaining_ratio, "burn_rate": point.burn_rate}
            for point in outcome.curve
        ],
    }


def _figures(outcome: Outcome) -> tuple[str, ...]:
    budget = outcome.budget
    return (
        f"{float(outcome.promise.target):.5%}".rstrip("%").rstrip("0").rstrip(".") + " %",
        f"{outcome.promise.window.total_seconds() / 86400:g} d",
        str(outcome.pages),
        str(len(outcome.alerts) - outcome.pages),
        f"{budget.bad:,.0f}",
        f"{budget.total:,.0f}",
        "-" if budget.attained_ratio is None else f"{budget.attained_ratio:.3%}".replace("%", " %"),
        "-" if budget.spent_ratio is None else f"{budget.spent_ratio:.1%}".replace("%", " %"),
    )


def _lasted(alert: Alert) -> str:
    if alert.cleared_at is None:
        return "still firing"
    return f"{(alert.cleared_at - alert.since).total_seconds() / 60:.0f} min"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
