"""Incidents as pages ask for them (incidents.py), and how long an acknowledgement holds (answers.py)."""

from __future__ import annotations

from incidents.response.queries.incidents import changed_at, incident, incidents, timeline, unresolved

__all__ = ["changed_at", "incident", "incidents", "timeline", "unresolved"]
