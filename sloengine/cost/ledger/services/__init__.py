"""What changes the ledger.

close_hours(now)    hours that are over, from rollups into rows; days that are over, summed; shared nodes, given out
fill_hours(...)     hours before the ledger began
add_prices(...)     a price list, whole or not at all; withdraw_price
place(...)          what hardware replicas run on, or nodes that serve all; end_placement
import_usage(...)   usage from a file, whole or not at all; withdraw_import
add_invoice(...)    an invoice, once; withdraw_invoice
write_hour(...)     one hour of one service, once
sum_days(...)       the days that an hour belongs to, summed anew
"""

from __future__ import annotations

from sloengine.cost.ledger.services.closing import close_hours, fill_hours
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
    "fill_hours",
    "import_usage",
    "place",
    "sum_days",
    "withdraw_import",
    "withdraw_invoice",
    "withdraw_price",
    "write_hour",
]
