"""The ledger: who used what in every hour, and what it cost.

meters.py         what is counted: requests by end, tokens by class, hardware milliseconds; slices (pure)
apportioning.py   whole numbers and cents that add up (pure)
joining.py        one hour from what gateway, engines and clients know of it, by a stated rule (pure)
pricing.py        quantities at prices, exactly; unknown stays unknown (pure)
stretches.py      which rows a window is read from (pure)
models.py         CostSeries, UsageHour, UsageDay, cursors
queries/          spend, measured
services/         close_hours, write_hour
"""
