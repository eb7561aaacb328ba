"""Tokens and requests a day for a quarter, with an interval that holds (R17).

ahead.py      weekday factors on a damped trend; interval from a block bootstrap (pure)
queries.py    the ledger's closed days as series by service
"""
