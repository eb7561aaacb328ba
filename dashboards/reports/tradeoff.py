"""Trade-off: where do latency and throughput both hold? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dashboards.choice import Choice
from observability.core import words
from sloengine.cost.tradeoff.matrix import DEPTH_BINS, STEP_BINS, Cell, Matrix, bounds

#: What is counted, by its name in the address; the latency is that of the same request.
VIEWS: Final[Mapping[str, str]] = {"requests": "Requests/s", "tokens": "Tokens/s"}


@dataclass(frozen=True, slots=True)
class TradeoffReport:
    """One service; `simulated` marks that its windows are the simulator's. `latency`: ttft or e2e."""

    choice: Choice
    services: tuple[str, ...]
    start: datetime
    end: datetime
    service: str
    name: str
    simulated: bool
    latency: str
    done: str
    matrix: Matrix
    problem: str = ""

    @property
    def latency_said(self) -> str:
        return "time to first token" if self.latency == "ttft" else "end-to-end latency"


def headline(report: TradeoffReport) -> str:
    """'Both hold at 20 to 30 ms a step with 1 to 4 waiting: 212 ms and 6,100 requests/s.'"""
    found = report.matrix
    if not found.cells:
        return "No trade-off was observed yet."
    best = found.best
    if best is None:
        return f"Latency and throughput held together nowhere {report.choice.when}."
    thin = ", though only briefly" if best.thin else ""
    return (
        f"Both held best at {cell_said(best)}: {words.seconds(best.p95_seconds)} and {rate_said(best, report)}{thin}."
    )


def lead(report: TradeoffReport) -> str:
    found, targets = report.matrix, report.matrix.targets
    p95, rate = words.seconds(targets.p95_seconds), words.count(targets.rate)
    goal = f"p95 of {report.latency_said} at most {p95}, at least {rate} {report.done}/s"
    if report.problem:
        return report.problem
    if not found.cells:
        return (
            "It needs the gap between tokens, the requests that wait and what was done, of one service: connect a source, "
            "or choose another service or range."
        )
    held = sum(cell.holds for cell in found.cells)
    said = [f"Targets: {goal}. {held} of {len(found.cells)} cells hold both."]
    near = found.nearest
    if not held and near is not None:
        said.append(f"The most that was done in time was {rate_said(near, report)} at {cell_said(near)}.")
    if not held and near is None:
        said.append("No cell was fast enough.")
    if report.simulated:
        said.append(f"{report.name} is simulated: these are the simulator's windows, not a fleet's.")
    return " ".join(said)


def cell_said(cell: Cell) -> str:
    """'20 to 30 ms a step with 1 to 4 waiting'"""
    return f"{step_said(cell.column)} a step with {depth_said(cell.row)} waiting"


def step_said(column: int) -> str:
    low, high = bounds(column, STEP_BINS)
    return f"over {low * 1000:.0f} ms" if high is None else f"{low * 1000:.0f} to {high * 1000:.0f} ms"


def depth_said(row: int) -> str:
    low, high = bounds(row, DEPTH_BINS)
    if row == 0:
        return "none"
    return f"over {low:g}" if high is None else f"{low:g} to {high:g}"


def rate_said(cell: Cell, report: TradeoffReport) -> str:
    return f"{words.count(round(cell.rate, 1) if cell.rate < 100 else round(cell.rate))} {report.done}/s"


def rows(report: TradeoffReport) -> Iterable[Sequence[object]]:
    yield (
        "step from s",
        "step to s",
        "waiting from",
        "waiting to",
        "windows",
        "seconds",
        "p95 s",
        f"{report.done}/s",
        "holds both",
        "thin",
        "source",
    )
    for cell in report.matrix.cells:
        (low, high), (few, many) = bounds(cell.column, STEP_BINS), bounds(cell.row, DEPTH_BINS)
        yield (low, high, few, many, cell.windows, cell.seconds, cell.p95_seconds, cell.rate, "yes" if cell.holds else "no",
               "yes" if cell.thin else "no", "simulator" if report.simulated else "observed")  # fmt: skip
