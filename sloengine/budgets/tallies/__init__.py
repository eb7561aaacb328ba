"""Tallies: the sums of each objective at each tick, which windows are differences of.

sums.py      how the sums of many objectives advance at once, and how a row keeps them (pure)
queries.py   the last rows at or before given instants, for all objectives in a statement or two
services/    advance (new ticks, gaps and the past of a new objective alike)
"""
