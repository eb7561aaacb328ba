"""Exclusions: time that does not count, once or again and again, and budgets given back by decision.

calendar.py   rows to stretches of time, RRULE and zones, widened to what history still resolves (pure)
models.py     Exclusion, Adjustment
queries.py    which stretches touch an objective, and their sums
services.py   add, end, adjust: with a permission and an audit entry
"""
