"""Burns: from tallies to claims that a budget is being spent too fast.

evidence.py  the words and figures of a burn (pure)
queries.py   windows of all objectives, paged episodes, the minutes of an episode
services.py  claims for every objective and tier
"""
