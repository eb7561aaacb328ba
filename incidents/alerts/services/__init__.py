"""From a Finding or a report to an incident that someone is paged for, and to its end.

findings.py    Findings, read by cursor into alerts
placing.py     alerts that are due, judged and put into incidents: the one way in
responding.py  what an alert does to its incident: open, tell, raise, diagnose, page, settle

A beat reads what is new, places what is due, settles what is quiet, and costs two indexed queries where there is none of it.
"""

from __future__ import annotations

from incidents.alerts.services.findings import pull_findings, take
from incidents.alerts.services.placing import place, place_due
from incidents.alerts.services.responding import settle

__all__ = ["place", "place_due", "pull_findings", "settle", "take"]
