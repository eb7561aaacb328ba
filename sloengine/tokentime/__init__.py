"""Where the time of one token goes, against the budget of 100 ms that it has (REQUIREMENTS R3).

budget.py   the slices of the budget, and what was measured held against them (pure)
queries.py  measured: of one service over a range
"""
