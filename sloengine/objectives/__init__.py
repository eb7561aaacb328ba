"""Objectives: what a service promised, as data.

objective.py, terms.py, calendars.py   the frozen model: a promise, its terms, its windows (pure)
texts.py, documents.py, v1alpha.py     YAML to OpenSLO's shapes, with lines (pure)
openslo.py                             documents to objectives; errors name file, path, found, expected (pure)
indicators.py, goals.py, alerting.py, annotations.py   its parts: the SLI, the goal, alert policies, our own prefix (pure)
rendering.py                           objectives back to documents, and the difference of two (pure)
selection.py                           the counters behind an objective (pure)
library/                               the shipped objectives of a streaming service
models.py                              Objective rows and the history of their changes
queries.py                             what an objective measured between two instants, from rollups
services.py                            apply (a transaction with a diff), export
"""
