"""What changes the ledger.

close_hours(now)          hours that are over, from rollups into rows; days that are over, summed
write_hour(...)           one hour of one service, once
sum_days(...)             the days that an hour belongs to, summed anew
"""

from __future__ import annotations

from sloengine.cost.ledger.services.closing import close_hours
from sloengine.cost.ledger.services.importing import import_usage, withdraw_import
from sloengine.cost.ledger.services.invoices import add_invoice, withdraw_invoice
from sloengine.cost.ledger.services.placements import BadPlacement, end_placement, place
from sloengine.cost.ledger.services.pricing import add_prices, withdraw_price
from sloengine.cost.ledger.services.writing import sum_days, write_hour

__all__ = [
    "BadPlacement",
    "add_invoice",
    "add_prices",
    "close_hours",
    "end_placement",
    "import_usage",
    "place",
    "sum_days",
    "withdraw_import",
    "withdraw_invoice",
    "withdraw_price",
    "write_hour",
]
