"""Committed-use contracts (R15): what is owed, how fast the commitment is used up, and who is asked when it is passed.

terms.py     every field of a contract, read and refused with what was expected; its periods (pure)
bill.py      tokens of a period to lines of a bill; effective rate, break-even (pure)
burndown.py  use so far, its forecast with an interval, the date on which the commitment is used up (pure)
workdays.py  so many business days on, by the holidays of a country (pure)
texts.py     the same in sentences (pure)
models.py    Contract, CostReview
queries.py   use by day, standings, the pages
services.py  put, end and check contracts; close reviews
"""
