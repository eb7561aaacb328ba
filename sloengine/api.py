"""The routers of the SLO engine, one a noun; `observability.api` mounts them under /api/v1/."""

from __future__ import annotations

from ninja import Router

from sloengine.backtests.api import router as backtests
from sloengine.collect.api import router as sources
from sloengine.cost.anomaly.api import router as cost_anomalies
from sloengine.cost.capacity.api import router as capacity
from sloengine.cost.contracts.api import router as contracts
from sloengine.cost.focus.api import router as focus
from sloengine.cost.ledger.api import ROUTERS as COSTS
from sloengine.cost.tenantbudgets.api import router as spend_budgets
from sloengine.cost.whatif.api import router as what_if
from sloengine.kpis.api import router as kpis
from sloengine.objectives.api import router as objectives
from sloengine.reports.api import router as reports

ROUTERS: tuple[Router, ...] = (
    backtests,
    *COSTS,
    focus,
    contracts,
    cost_anomalies,
    spend_budgets,
    what_if,
    capacity,
    kpis,
    objectives,
    reports,
    sources,
)  # the address of a back-test would read as an objective's
