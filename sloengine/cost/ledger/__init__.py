"""The ledger: who used what in every hour, and what it cost.

meters.py         what is counted: requests by end, tokens by class, hardware milliseconds; slices (pure)
apportioning.py   whole numbers and cents that add up (pure)
joining.py        one hour from what gateway, engines and clients know of it, by a stated rule (pure)
pricing.py        quantities at prices, exactly; unknown stays unknown (pure)
reporting.py      rows of a report: cents that add up, what a request and a thousand tokens cost (pure)
placing.py        what hardware served, at work and idle (pure)
tables.py         a CSV file against its columns, every wrong cell named (pure)
pricelist.py      price lists (pure)
usagefile.py      usage from CSV and OpenAI-style exports (pure)
invoicing.py      an invoice beside the ledger, by class of tokens (pure)
stretches.py      which rows a window is read from (pure)
models.py         CostSeries, UsageHour, UsageDay, cursors, Placement, UsageImport, Invoice
queries/          spend, overview, measured, reconciled
services/         close_hours, add_prices, place, import_usage, add_invoice
api/  views.py    the same over REST and on /cost/
"""
