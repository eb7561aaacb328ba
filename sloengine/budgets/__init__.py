"""Budgets: how fast the allowed failures are spent, and what follows.

alert_windows.yaml  the SRE workbook's windows as data
windows.py          that table, rescaled to a period (pure)
burnrate.py         verdicts for all windows of all objectives at once, each with a reason (pure)
slices.py           the minute-by-minute judgement of timeslices (pure)
budget.py           spent, remaining, time to exhaustion (pure)
policy.py           what a spent share means for changes, by budget_policy.yaml (pure)
counting/           what of the sums counts: exclusions, missing slices, composites
exclusions/         time that does not count, adjustments
policies/           the policy at work: standings and findings
models.py           Tally, EvaluationCursor, Finding
tallies/            prefix sums per objective
findings/           claims become rows that open, hold and clear
outages/            total outages, failing replicas, blind sources
queries.py          budget status, burn-down, windows, for pages and dashboards
services.py         evaluate_due: one transaction per organisation
"""
