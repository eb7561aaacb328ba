"""Spending budgets of tenants, tags and teams: told before the limit, and when it will be passed.

budget.py    a budget's fields, its window, its levels, its forecast (pure)
models.py    SpendBudget
queries.py   spend by day from the ledger, the list and the page
services.py  put, remove and check budgets
"""
