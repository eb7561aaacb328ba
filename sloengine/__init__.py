"""Signals become error budgets, cost and findings. It knows nothing of incidents or dashboards above it.

Its nouns:

    catalog      services, what of them is deployed, what changed; discovered from labels
    sources      where readings come from: direct scrape, Prometheus, recorded ones
    collect      every tick: readings become exact increments, increments fill slots
    rollups      totals at a tick, in three tiers; any window is the difference of two rows
    objectives   what was promised: YAML files to objectives
    budgets      burn rates, error budgets, and the Finding rows that incidents read
    detection    what moved before any budget burns
    cost         spend and its shifts
    charts.py    inline SVG (strokes.py: its lines and letters)
"""
