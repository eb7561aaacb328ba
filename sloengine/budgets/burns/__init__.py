"""Burns: from tallies to claims that a budget is being spent too fast.

evidence.py  the words and figures of a burn (pure)
loud.py      which of very many objectives need a closer look (pure)
queries.py   windows of all objectives, paged episodes, the minutes of an episode
services.py  claims for every objective and tier
"""
