"""What was broken last and whether it was found; what the demo's phone received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db.models import QuerySet

from incidents.demo.faults import Outcome, outcome
from incidents.paging.models import DemoMessage
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from observability.core.models import AuditEntry, Organisation
from observability.core.permissions import Verb

FORGET_AFTER = timedelta(hours=2)
MESSAGES = 24


@dataclass(frozen=True, slots=True)
class Reveal:
    """The last thing that was broken, and the incident that opened for it."""

    outcome: Outcome
    incident: Incident | None
    leaf_title: str


def last_break(*, organisation: Organisation, now: datetime) -> Reveal | None:
    """The fault of the last two hours, with the first incident that opened after it."""
    entry = (
        AuditEntry.objects.filter(
            organisation=organisation, verb=Verb.START_FAULT, at__gt=now - FORGET_AFTER, at__lte=now
        )
        .order_by("-at", "-pk")
        .first()
    )
    if entry is None:
        return None
    incident = (
        Incident.objects.filter(organisation=organisation, opened_at__gte=entry.at).order_by("opened_at", "pk").first()
    )
    leaf = incident.leaf if incident and incident.leaf else None
    judged = outcome(
        fault=str(entry.payload.get("fault", "")),
        at=entry.at,
        by=entry.actor.partition(":")[2],
        leaf=leaf,
        opened_at=incident.opened_at if incident else None,
        over=incident is not None and incident.state in {State.MITIGATED, State.RESOLVED},
        now=now,
    )
    title = str(incident.diagnosis.get("title") or incident.leaf) if incident else ""
    return Reveal(judged, incident, title)


@dataclass(frozen=True, slots=True)
class PhoneMessage:
    """A message as the phone shows it. Links are turned into paths of this server, whatever name it was reached by."""

    payload: Mapping[str, Any]
    received_at: datetime
    incident_path: str
    ack_path: str
    waits: bool
    status: str


def phone(*, organisation: Organisation, of: QuerySet[DemoMessage] | None = None) -> tuple[PhoneMessage, ...]:
    """The newest messages of the demo pagers, or those given, each with the state its incident has now: two queries."""
    told = DemoMessage.objects.filter(organisation=organisation, endpoint__drill=False) if of is None else of
    messages = list(told.order_by("-received_at", "-pk")[:MESSAGES])
    numbers = {number for message in messages if (number := _number(message)) is not None}
    states = dict(Incident.objects.filter(organisation=organisation, number__in=numbers).values_list("number", "state"))
    return tuple(_phone_message(message, states.get(_number(message) or 0, "")) for message in messages)


def _number(message: DemoMessage) -> int | None:
    number = (message.payload.get("incident") or {}).get("number")
    return number if isinstance(number, int) else None


def _phone_message(message: DemoMessage, state: str) -> PhoneMessage:
    links = message.payload.get("links") or {}
    return PhoneMessage(
        payload=message.payload,
        received_at=message.received_at,
        incident_path=urlsplit(str(links.get("incident") or "")).path,
        ack_path=urlsplit(str(links.get("acknowledge") or "")).path,
        waits=state == State.OPEN,
        status=f"The incident is {state}." if state else "",
    )
