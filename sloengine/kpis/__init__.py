"""Business KPIs that are pushed (R34): a value, or how many of how many, kept as counters like any other signal.

models.py    PushedKpi: what was pushed so far
services.py  push
queries.py   the reading of them all at a tick; windows of a service's KPIs, pushed and by PromQL alike
api.py       POST /api/v1/kpis/NAME
"""
