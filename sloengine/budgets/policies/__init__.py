"""The error-budget policy at work: which step each budget stands at, as rows that others act on.

models.py    BudgetPolicy (your own steps), PolicyStanding (the step of each objective)
services.py  put a policy; enforce_due, which moves the standings and opens a finding for each step in force
queries.py   the standing of a service, for the gate and pages
"""
