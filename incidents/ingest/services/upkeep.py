"""What time alone does: senders that fell silent, raw events that are old."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from incidents.ingest import queries
from incidents.ingest.models import Event, Integration
from incidents.ingest.payloads import Report
from incidents.ingest.services.receiving import fold_in
from observability.core import questions

KEEP_EVENTS = timedelta(days=30)
PRUNED_AT_ONCE = 5000


@questions.first(queries.ANY_SILENT)
def check_silence(*, now: datetime) -> int:
    """An integration of which nothing came for longer than expected becomes an alert; it clears with what comes next."""
    found = queries.silences(now=now)
    for silence in found:
        integration = Integration.objects.select_related("service").get(pk=silence.integration_id)
        with transaction.atomic():
            fold_in(integration=integration, reports=[_silence(integration, silence, now)], now=now)
    return len(found)


def _silence(integration: Integration, silence: queries.Silence, now: datetime) -> Report:
    what = f"{integration.expect_alert} has not" if integration.expect_alert else "Nothing has"
    named = f"{what} come from {integration.name} since {silence.heard_at:%Y-%m-%d %H:%M:%S} UTC"
    return Report(
        fingerprint=queries.SILENT,
        firing=not silence.told,
        labels={"alertname": "SenderSilent", "sender": integration.name, "absence": "true"},
        annotations={"summary": f"{named}; expected every {integration.expect_seconds} s"},
        starts_at=now,
        ends_at=now if silence.told else None,
    )


def prune_events(*, now: datetime) -> int:
    """Raw events older than 30 days go, oldest first, so many at once that nobody waits."""
    old = Event.objects.filter(received_at__lt=now - KEEP_EVENTS).order_by("received_at").values("pk")[:PRUNED_AT_ONCE]
    return Event.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]
