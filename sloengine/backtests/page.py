"""The page of one objective's back-test: what is asked of it, and what it shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from decimal import Decimal

from sloengine import charts
from sloengine.backtests.replay import Alert, Outcome
from sloengine.backtests.whatif import Backtest, parse_targets, parse_windows
from sloengine.objectives.objective import Objective

#: Asked for by whoever asks for none: what people promise.
USUAL = (Decimal("0.99"), Decimal("0.995"), Decimal("0.999"))
RECORDED = "recorded"
MOST_DAYS_ASKED = 30  # of a source
MOST_DAYS, MOST_VARIANTS, MOST_ALERTS = 90, 24, 200


@dataclass(frozen=True, slots=True)
class Asked:
    """How far back, and what else to try. `targets_said` and `windows_said` are as they stand in the form."""

    days: str
    targets_said: str
    windows_said: str
    back: timedelta = timedelta(days=30)
    targets: tuple[Decimal, ...] = ()
    windows: tuple[timedelta, ...] = ()
    problem: str = ""
    source: str = RECORDED  # or names of sources that can tell the past, by commas

    @property
    def step(self) -> timedelta:
        """Between readings of a source: a minute, five over more than a week, so that nobody waits for long."""
        return timedelta(minutes=1 if self.back <= timedelta(days=7) else 5)


def asked(given: Mapping[str, str], *, promise: Objective) -> Asked:
    """From an address: ?days=30&targets=99%25,99.9%25&windows=7d&source=main; with a problem said where it cannot be."""
    usual = ", ".join(f"{(target * 100).normalize():f}%" for target in USUAL if target != promise.target)
    days, targets, windows = given.get("days", "30"), given.get("targets", usual), given.get("windows", "")
    source = given.get("source", "").strip() or RECORDED
    most = MOST_DAYS if source == RECORDED else MOST_DAYS_ASKED
    try:
        if not days.isdecimal() or not 1 <= int(days[:4]) <= most:
            raise ValueError(f"found {days!r} days, expected 1 to {most}")
        back = timedelta(days=int(days))
        found = Asked(days, targets, windows, back, parse_targets(targets), parse_windows(windows), source=source)
        if (len(found.targets) or 1) * (len(found.windows) or 1) > MOST_VARIANTS:
            raise ValueError(f"found more than {MOST_VARIANTS} pairs of a target and a window, expected fewer")
    except ValueError as problem:
        return Asked(days, targets, windows, problem=f"Nothing was replayed: {problem}.", source=source)
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One target and window. Ratios are 0..1 of the budget, None where nothing is known."""

    target: Decimal
    window_days: str
    pages: int
    tickets: int
    bad: float
    total: float
    attained: float | None
    left: float | None
    own: bool


@dataclass(frozen=True, slots=True)
class Page:
    asked: Asked
    headline: str
    chart: str = ""
    rows: tuple[Row, ...] = ()
    alerts: tuple[Alert, ...] = ()
    more: int = 0
    notices: tuple[str, ...] = ()
    unit: str = ""
    sources: tuple[str, ...] = ()


def shown(test: Backtest | None, *, asked: Asked, unit: str, zone: tzinfo, sources: tuple[str, ...] = ()) -> Page:
    """The page; without a test what was wrong with what was asked."""
    if test is None:
        return Page(asked, "Back-test", sources=sources)
    outcome = test.outcome
    alerts = outcome.alerts[::-1]
    return Page(
        asked,
        headline(outcome),
        chart=_chart(outcome, zone=zone),
        rows=tuple(_row(one, own=one is outcome) for one in (outcome, *test.alternatives)),
        alerts=alerts[:MOST_ALERTS],
        more=max(len(alerts) - MOST_ALERTS, 0),
        notices=outcome.notices,
        unit=unit,
        sources=sources,
    )


def headline(outcome: Outcome) -> str:
    """ "2 pages and 1 ticket would have fired." """
    if not outcome.curve:
        return "Nothing was measured in that time."
    tickets = len(outcome.alerts) - outcome.pages
    if not outcome.alerts:
        return "No alert would have fired."
    pages = f"{outcome.pages} page{'' if outcome.pages == 1 else 's'}"
    rest = f"{tickets} ticket{'' if tickets == 1 else 's'}"
    return f"{' and '.join(([pages] if outcome.pages else []) + ([rest] if tickets else []))} would have fired."


def _row(outcome: Outcome, *, own: bool) -> Row:
    promise, budget = outcome.promise, outcome.budget
    return Row(
        promise.target,
        f"{promise.window.total_seconds() / 86400:g} d",
        outcome.pages,
        len(outcome.alerts) - outcome.pages,
        budget.bad,
        budget.total,
        budget.attained_ratio,
        budget.remaining_ratio,
        own,
    )


def _chart(outcome: Outcome, *, zone: tzinfo) -> str:
    """Budget left and burn rate on one axis, a line at each alert; once for a wide page and once for a phone."""
    curve = outcome.curve
    if all(point.remaining_ratio is None for point in curve):
        return ""
    left = [charts.Value(point.at, point.remaining_ratio) for point in curve]
    burn = [charts.Value(point.at, point.burn_rate) for point in curve]
    low = min([0.0, *(value.value for value in left if value.value is not None)])
    panels = [
        charts.Panel(
            "Budget left",
            "%",
            [charts.Series("budget left", left)],
            threshold=0.0 if low < 0 else None,
            scale=100,
            height=110,
            top=1.0,
            bottom=low,
        ),
        charts.Panel("Burn rate", "times", [charts.Series("burn rate", burn, "warn")], threshold=1.0, height=90),
    ]
    marks = charts.Marks(changes=tuple(charts.Mark(one.since, f"{one.tier} {one.severity}") for one in outcome.alerts))
    return "".join(
        f'<div class="{name}">'
        f"{charts.aligned(panels, start=outcome.start, end=outcome.end, marks=marks, width=width, zone=zone)}</div>"
        for name, width in (("wide-only", 1100), ("phone-only", charts.NARROW))
    )
