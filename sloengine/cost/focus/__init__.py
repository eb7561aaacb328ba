"""Spend as a FOCUS 1.2 dataset (focus.finops.org), for whatever reads one.

dataset.py   the columns, and a charge as a row of them (pure)
queries.py   the charges of a time, exact
exports.py   CSV and Parquet
services.py  write_days: each closed day to a folder
views.py     api.py  the same on request
"""
