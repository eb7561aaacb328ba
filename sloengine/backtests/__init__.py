"""Back-tests: what alerts objectives would have raised, and what they would have spent, over what was measured.

track.py     what was measured of one objective, as prefix sums (pure)
history.py   readings become tracks, by the increments that collecting uses (pure)
counted.py   what of it counts: exclusions, treatment of no data, composites, as live (pure)
replay.py    a past through the verdicts and steps that live evaluation uses (pure)
whatif.py    the same for other targets and windows; tables as values (pure)
page.py      what the page of a back-test is asked and shows (pure)
queries.py   pasts from recorded rollups, or from sources that can tell the past, with what was decided
api.py       the same over REST
views.py     the page of one objective's back-test
urls.py      its address
"""
