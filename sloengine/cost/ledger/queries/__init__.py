"""What was spent, for whoever asks: contracts, budgets, anomalies, pages, exports.

spend(...)       by tenant, service, model, variant, tag, region, hardware, hour, day, month: requests, tokens, money
overview(...)    a report of the last hours: rows, total, tokens over time
reconciled(...)  an invoice beside the ledger
measured(...)    one service's use between two instants, from rollups: how an hour gets into the ledger
"""

from __future__ import annotations

from sloengine.cost.ledger.queries.invoices import reconciled
from sloengine.cost.ledger.queries.measuring import measured
from sloengine.cost.ledger.queries.reporting import Overview, overview
from sloengine.cost.ledger.queries.spending import KEYS, Spend, spend

__all__ = ["KEYS", "Overview", "Spend", "measured", "overview", "reconciled", "spend"]
