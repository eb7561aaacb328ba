"""What changes the ledger.

close_hours(now)          hours that are over, from rollups into rows; days that are over, summed
write_hour(...)           one hour of one service, once
sum_days(...)             the days that an hour belongs to, summed anew
"""

from __future__ import annotations

from sloengine.cost.ledger.services.closing import close_hours
from sloengine.cost.ledger.services.pricing import add_prices, withdraw_price
from sloengine.cost.ledger.services.writing import sum_days, write_hour

__all__ = ["add_prices", "close_hours", "sum_days", "withdraw_price", "write_hour"]
