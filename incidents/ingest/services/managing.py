"""Integrations made, changed, tried and ended by people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.db.models import QuerySet

from incidents.alerts.models import Alert
from incidents.ingest import mapping
from incidents.ingest.models import Integration
from incidents.ingest.payloads import Reports
from incidents.ingest.services import receiving
from incidents.ingest.services.receiving import Envelope, Received
from observability.core import audit, permissions, refusals, tokens
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb


def add_integration(
    *,
    organisation: Organisation,
    kind: Integration.Kind,
    name: str,
    owner: User | None,
    actor: Actor,
    now: datetime,
    **options: Any,
) -> tuple[Integration, str]:
    """A new integration and its key, which is shown once and kept as a hash. `options` as in `change_integration`."""
    permissions.require(actor, Verb.MANAGE_SOURCES, organisation)
    plain, key_hash = tokens.new_token()
    integration = Integration(
        organisation=organisation, kind=kind, name=name.strip(), owner=owner, key_hash=key_hash, created_at=now
    )
    _set(integration, options, now)
    with transaction.atomic():
        integration.save()
        audit.record(actor=actor, verb="add_integration", obj=integration, now=now, payload={"name": integration.name})
    return integration, plain


def change_integration(*, integration: Integration, actor: Actor, now: datetime, **options: Any) -> Integration:
    """Change how its payloads are read; `secret` left empty keeps the one that is there. Raises Unusable."""
    permissions.require(actor, Verb.MANAGE_SOURCES, integration)
    if not options.get("secret"):
        options.pop("secret", None)
    _set(integration, options, now)
    with transaction.atomic():
        integration.save()
        if integration.expect_alert:
            _clear(integration.alerts.filter(labels__alertname=integration.expect_alert), now)
        changed = {"changed": sorted(options)}
        audit.record(actor=actor, verb="change_integration", obj=integration, now=now, payload=changed)
    return integration


def new_key(*, integration: Integration, actor: Actor, now: datetime) -> str:
    """Another key; the old one is worth nothing from now on."""
    permissions.require(actor, Verb.MANAGE_SOURCES, integration)
    plain, integration.key_hash = tokens.new_token()
    with transaction.atomic():
        integration.save(update_fields=["key_hash"])
        audit.record(actor=actor, verb="new_integration_key", obj=integration, now=now)
    return plain


def end_integration(*, integration: Integration, actor: Actor, now: datetime) -> None:
    """Nothing comes in under its key any more; what came stays. Its alerts that fire are over: nobody will say so."""
    permissions.require(actor, Verb.MANAGE_SOURCES, integration)
    with transaction.atomic():
        integration.revoked_at = now
        integration.save(update_fields=["revoked_at"])
        _clear(integration.alerts.all(), now)
        audit.record(actor=actor, verb="end_integration", obj=integration, now=now)


def _clear(alerts: QuerySet[Alert], now: datetime) -> None:
    """Nobody will say any more that those that fire are over."""
    alerts.filter(state="firing").update(state="cleared", ends_at=now, changed_at=now, place_at=now)


class Unusable(refusals.Refused):
    """The options of an integration do not fit; the message says which and why."""


OPTIONS = (
    "name", "owner", "secret", "timestamp_header", "mapping", "whole_groups", "default_urgency", "service", "expect_seconds",
    "expect_alert",
)  # fmt: skip


def _set(integration: Integration, options: Mapping[str, Any], now: datetime) -> None:
    expected = integration.expect_alert, integration.expect_seconds
    for name, value in options.items():
        if name not in OPTIONS:
            raise Unusable(f"{name} is no option of an integration; there are {', '.join(OPTIONS)}.")
        setattr(integration, name, value)
    if not integration.name:
        raise Unusable("An integration needs a name.")
    same = Integration.objects.filter(
        organisation=integration.organisation_id, name=integration.name, revoked_at__isnull=True
    )
    if same.exclude(pk=integration.pk).exists():
        raise Unusable(f"There is an integration called {integration.name} already.")
    if integration.default_urgency not in {"page", "ticket", "info"}:
        raise Unusable(f"default_urgency: found {integration.default_urgency!r}, expected page, ticket or info.")
    if integration.kind == Integration.Kind.HEARTBEAT and not integration.expect_seconds:
        raise Unusable("A heartbeat needs to know how often it is expected, in seconds.")
    if integration.expect_seconds is not None and not 10 <= integration.expect_seconds <= 30 * 86400:
        raise Unusable(f"expect_seconds: found {integration.expect_seconds}, expected 10 seconds to 30 days.")
    integration.expect_alert = (integration.expect_alert or "").strip()
    if integration.expect_alert and (not integration.expect_seconds or integration.kind == Integration.Kind.HEARTBEAT):
        raise Unusable(
            "expect_alert names what a sender of alerts repeats: it needs expect_seconds, and no heartbeat has one."
        )
    if (integration.expect_alert, integration.expect_seconds) != expected:
        integration.heard_at = now  # it is waited for from now on
    try:
        mapping.checked(integration.mapping)
    except mapping.BadMapping as error:
        raise Unusable(f"The mapping cannot be used: {error}.") from error


#: What "Send a test" posts, as the sender would. It is information: it opens nothing and wakes nobody.
TEST_LASTS = timedelta(minutes=5)
_TEST_LABELS = {"alertname": "TailwatchTest", "severity": "info", "tailwatch_test": "true"}


def send_test(*, integration: Integration, actor: Actor, now: datetime) -> Received:
    """The whole way of a request, with an alert that says that it is a test; read as what its sender posts is."""
    permissions.require(actor, Verb.MANAGE_SOURCES, integration)
    alert = {
        "status": "firing",
        "labels": _TEST_LABELS,
        "annotations": {"summary": f"A test of {integration.name}, sent by {actor.name}"},
        "startsAt": now.isoformat(),
    }
    if integration.kind == Integration.Kind.PAGERDUTY:
        data = {"id": f"TEST{int(now.timestamp())}", "type": "incident", "status": "resolved", "title": "A test"}
        document: Any = {"event": {"event_type": "incident.resolved", "occurred_at": now.isoformat(), "data": data}}
    elif integration.kind == Integration.Kind.GENERIC:
        document = sample(integration)
    else:
        document = {"version": "4", "groupKey": "test", "alerts": [alert]}
    envelope = Envelope(orjson.dumps(document))
    said = receiving.read(integration=integration, envelope=envelope, now=now)
    short = [replace(report, expires_at=now + TEST_LASTS if report.firing else None) for report in said.reports]
    event_id = receiving.committed(lambda: receiving.store(integration, envelope, Reports(short), "", now))
    return Received(event_id, alerts=len(short))


def sample(integration: Integration) -> dict[str, Any]:
    """A payload that the integration's mapping reads: each path holds a value that says what it is."""
    if not integration.mapping:
        return {"title": "A test", "status": "firing", "severity": "info", "labels": _TEST_LABELS}
    mapped = mapping.checked(integration.mapping)
    wanted = {"title": "A test", "status": mapped.firing[0], "severity": "info", "fingerprint": "test"}
    return mapping.built(
        {mapped.paths[name]: value for name, value in wanted.items()}, items=mapped.paths.get("items", "")
    )
