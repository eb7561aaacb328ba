"""The models of all nouns, gathered for Django."""

from __future__ import annotations

from incidents.alerts.models import Alert, AlertCursor
from incidents.ingest.models import Event, Integration
from incidents.learning.models import Postmortem
from incidents.maintenance.models import Maintenance
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
from incidents.routing.models import RouteDocument
from incidents.silences.models import Notice, Silence

__all__ = [
    "AckLink",
    "Alert",
    "AlertCursor",
    "Carrier",
    "Delivery",
    "DemoMessage",
    "EscalationPolicy",
    "EscalationStep",
    "Event",
    "Incident",
    "IncidentCounter",
    "Integration",
    "Maintenance",
    "Notice",
    "Page",
    "PagerEndpoint",
    "Postmortem",
    "Responder",
    "RouteDocument",
    "Silence",
    "SlackApp",
    "TimelineEntry",
]
