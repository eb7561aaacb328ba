"""The models of all nouns, gathered for Django."""

from __future__ import annotations

from incidents.alerts.models import Alert, AlertCursor
from incidents.learning.models import Postmortem
from incidents.oncall.models import EscalationPolicy, Responder
from incidents.paging.models import (
    AckLink,
    Carrier,
    Delivery,
    DemoMessage,
    EscalationStep,
    Page,
    PagerEndpoint,
    SlackApp,
)
from incidents.response.models import Incident, IncidentCounter, TimelineEntry

__all__ = [
    "AckLink",
    "Alert",
    "AlertCursor",
    "Carrier",
    "Delivery",
    "DemoMessage",
    "EscalationPolicy",
    "EscalationStep",
    "Incident",
    "IncidentCounter",
    "Page",
    "PagerEndpoint",
    "Postmortem",
    "Responder",
    "SlackApp",
    "TimelineEntry",
]
