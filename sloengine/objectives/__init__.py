"""Objectives: what a service promised, as data.

objective.py   the frozen model and the measures behind each indicator (pure)
openslo.py     OpenSLO v1 documents to and from that model; errors name file, path, found, expected (pure)
library/       the shipped objectives of a streaming service
models.py      Objective rows and the history of their changes
queries.py     what an objective measured between two instants, from rollups
services.py    apply (a transaction with a diff), export
"""
