"""What of a window's sums counts: excluded time is taken out, slices that could not be judged are treated, composites are made
of their parts. It all comes after the window difference, so it holds backwards and needs no history of its own.

missing.py    no data and zero traffic, ignored or counted; is a signal absent (pure)
composite.py  weighted, or the worst (pure)
queries.py    the three together, for windows and budgets
"""
