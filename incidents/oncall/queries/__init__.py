"""Who is on call (rota.py), and who is told about a service (policies.py)."""

from __future__ import annotations

from incidents.oncall.queries.policies import GAP, fallback, people_of, policy_for, policy_of
from incidents.oncall.queries.rota import (
    Plan,
    current_document,
    feed,
    notes,
    now_on_call,
    plan,
    plans,
    schedule,
    schedules,
    shifts_of,
)

__all__ = [
    "GAP",
    "Plan",
    "current_document",
    "fallback",
    "feed",
    "notes",
    "now_on_call",
    "people_of",
    "plan",
    "plans",
    "policy_for",
    "policy_of",
    "schedule",
    "schedules",
    "shifts_of",
]
