"""The dashboards there are: how each is loaded, drawn and written as CSV. Without Dash, which takes seconds to import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol

from dashboards.choice import Choice
from dashboards.data import contract, cost, executive, fleet, latency, response, slo, tradeoff
from dashboards.reports import contract as contract_report
from dashboards.reports import cost as cost_report
from dashboards.reports import executive as executive_report
from dashboards.reports import fleet as fleet_report
from dashboards.reports import latency as latency_report
from dashboards.reports import response as response_report
from dashboards.reports import slo as slo_report
from dashboards.reports import tradeoff as tradeoff_report
from observability.core.models import Organisation

Cells = Sequence[object]


class Load(Protocol):
    def __call__(self, *, organisation: Organisation, choice: Choice, now: datetime) -> Any: ...


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: `question` is what its headline answers; `rows` are its table, the head first."""

    slug: str
    name: str
    question: str
    load: Load
    rows: Callable[[Any], Iterable[Cells]]
    #: What it takes from the address beside service, range and view.
    asks: tuple[str, ...] = ()

    def draw(self, report: Any) -> list[Any]:
        """Its Dash components; only whoever draws imports Dash."""
        return list(import_module(f"dashboards.pages.{self.slug}").page(report))


BOARDS: Mapping[str, Board] = {
    board.slug: board
    for board in (
        Board("executive", "Executive", "How are we doing?", executive.load, executive_report.rows),
        Board("slo", "SLOs", "What did reliability cost?", slo.load, slo_report.rows),
        Board(
            "response", "Response", "How fast do we respond, and who pays for it?", response.load, response_report.rows
        ),
        Board("cost", "Cost", "What does a thousand tokens cost us, and who spends it?", cost.load, cost_report.rows),
        Board("contract", "Contract", "Will we keep to the contract?", contract.load, contract_report.rows),
        Board("fleet", "Fleet", "Do the GPUs work evenly?", fleet.load, fleet_report.rows),
        Board("latency", "Latency budget", "Where does the time of a token go?", latency.load, latency_report.rows),
        Board(
            "tradeoff",
            "Trade-off",
            "Where do latency and throughput both hold?",
            tradeoff.load,
            tradeoff_report.rows,
            ("p95_ms", "rate"),
        ),
    )
}
FIRST = "executive"
