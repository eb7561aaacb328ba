"""Tallies: per objective and tick, the prefix sums that windows are differences of.

queries.py   the last rows at or before given instants, for all objectives in one statement
services.py  advance (new ticks, gaps and the history of a new objective alike) and prune
"""
