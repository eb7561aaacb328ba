"""Back-tests: what alerts objectives would have raised, and what they would have spent, over what was measured.

track.py     what was measured of one objective, as prefix sums (pure)
history.py   readings become tracks, by the increments that collecting uses (pure)
replay.py    a track through the verdicts and steps that live evaluation uses (pure)
whatif.py    the same for other targets and windows; tables and the page as values (pure)
queries.py   tracks from recorded rollups, or from a source that can tell the past
"""
