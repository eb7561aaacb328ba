"""Alerts: what says that something is wrong, and which incident it belongs to.

Pure, each deciding with a reason: matchers.py routing.py silences.py maintenance.py inhibition.py treatment.py (all of these for one
alert) grouping.py (which incident). services/ pulls Findings, places what is due, opens and settles incidents.
"""
