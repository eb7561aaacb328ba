"""Alerts: what says that something is wrong, and which incident it belongs to.

grouping.py (pure) decides with a reason; services.py pulls Findings, places alerts, opens and settles incidents.
"""
