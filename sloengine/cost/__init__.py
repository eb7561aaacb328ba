"""Cost: what a thousand tokens cost, who spends it, and whether that is normal.

prices.py     prices effective from a date, in Decimal USD (pure)
anomalies.py  a tenant's share of use against its robust trailing level, with the driver named (pure)
models.py     Price, UsageBucket
queries.py    spend and cost per 1,000 tokens, for pages and dashboards
services.py   evaluate_costs, set_price
ledger/         who used what in every hour, price lists, hardware, files of usage, invoices
focus/          the ledger as a FOCUS 1.2 dataset
anomaly/        spend by the hour against what is usual, learned; what people foresaw
contracts/      committed-use contracts, their burn-down and cost reviews
tenantbudgets/  what tenants, tags and teams may spend
whatif/         what would change if, and what to try first
forecast/       tokens and requests of the coming quarter, with an interval
capacity/       headroom against measured saturation, and what one more replica buys
"""
