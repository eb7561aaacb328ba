"""What is told to others: rules and results under Sloth's names, and reports of a period.

sloth.py     recording and alerting rules, and our results, by Sloth's conventions (pure)
period.py    a month, a quarter, 30 days; a report's rows in every format (pure)
queries.py   what reports and /metrics/slo show
api.py        the same over REST
views.py     /metrics/slo?service=, rendered only while somebody scrapes
"""
