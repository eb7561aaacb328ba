"""Cost over REST.

spending.py  what was spent, by any keys
books.py     price lists, hardware, usage files, invoices
"""

from __future__ import annotations

from sloengine.cost.ledger.api.books import router as books
from sloengine.cost.ledger.api.spending import router as spending

ROUTERS = (spending, books)
