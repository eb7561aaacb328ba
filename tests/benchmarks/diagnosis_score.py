"""What the rows of the diagnosis benchmark add up to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = dict[str, Any]
HALVES = ("looked at", "never looked at")


@dataclass(frozen=True, slots=True)
class Score:
    """Shares 0..1 of the runs; seconds are medians over the runs where it happened, None where it never did."""

    runs: int
    detected: float
    seconds: float | None
    branch: float
    leaf: float
    top3: float
    runbook: float
    one_incident: float
    incidents: float  # a run, in the mean
    cleared: float
    false_pages: int
    burn_detected: float
    burn_seconds: float | None
    rules_detected: float
    rules_seconds: float | None


def half(row: Row) -> str:
    """Even draws may be looked at while the tree is tuned, odd ones never."""
    return HALVES[row["number"] % 2]


def score(rows: Sequence[Row]) -> Score:
    def share(holds: Iterable[bool]) -> float:
        return sum(holds) / len(rows)

    return Score(
        runs=len(rows),
        detected=share(row["detected_seconds"] is not None for row in rows),
        seconds=_median(row["detected_seconds"] for row in rows),
        branch=share(row["branch"] == row["expected_branch"] for row in rows),
        leaf=share(row["leaf"] == row["expected_leaf"] for row in rows),
        top3=share(row["expected_leaf"] in row["ranked"] for row in rows),
        runbook=share(row["runbook"] == row["expected_leaf"] for row in rows),
        one_incident=share(row["incidents"] == 1 for row in rows),
        incidents=sum(row["incidents"] for row in rows) / len(rows),
        cleared=share(row["cleared"] for row in rows),
        false_pages=sum(row["false_pages"] for row in rows),
        burn_detected=share(row["burn_seconds"] is not None for row in rows),
        burn_seconds=_median(row["burn_seconds"] for row in rows),
        rules_detected=share(row["rules_seconds"] is not None for row in rows),
        rules_seconds=_median(row["rules_seconds"] for row in rows),
    )


def _median(found: Iterable[float | None]) -> float | None:
    told = [one for one in found if one is not None]
    return median(told) if told else None


HEAD = (
    "fault", "runs", "detected", "after", "branch", "leaf", "top 3", "runbook", "incidents", "cleared", "false pages", "burn alone",
    "rules",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line a fault, then each half and all."""
    faults = list(dict.fromkeys(row["fault"] for row in rows))
    parts = [(name, [row for row in rows if row["fault"] == name]) for name in faults]
    parts += [(f"**{name}**", [row for row in rows if half(row) == name]) for name in HALVES]
    parts += [("**all**", list(rows))]
    lines = [_line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(name, score(mine))) for name, mine in parts if mine]
    return "\n".join(lines)


def _cells(name: str, one: Score) -> list[str]:
    return [
        name,
        str(one.runs),
        _percent(one.detected),
        _seconds(one.seconds),
        *(_percent(share) for share in (one.branch, one.leaf, one.top3, one.runbook)),
        f"{one.incidents:.2f}",
        _percent(one.cleared),
        str(one.false_pages),
        f"{_percent(one.burn_detected)} {_seconds(one.burn_seconds)}",
        f"{_percent(one.rules_detected)} {_seconds(one.rules_seconds)}",
    ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"
