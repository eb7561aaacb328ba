"""What ingest asks: the integration of a key, what is known of fingerprints, what a page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection
from django.db.models import Count, OuterRef, QuerySet, Subquery

from incidents.ingest.folding import Known
from incidents.ingest.models import Event, Integration
from incidents.ingest.payloads import Report
from observability.core.fields import decrypt
from observability.core.models import Organisation

#: The fingerprint, within its integration, of the alert that says that nothing comes from it any more.
SILENT = "silent"
#: How long a request waits for a row that another one holds.
LOCK_TIMEOUT = "5s"


_COLUMNS = [str(field.column) for field in Integration._meta.concrete_fields]
_OF_KEY = f"SELECT {', '.join(_COLUMNS)} FROM incidents_integration WHERE key_hash = %s AND revoked_at IS NULL"  # noqa: S608


def of_key(*, key_hash: str) -> Integration | None:
    """The integration in use under this key. As SQL: every request asks it, and compiling it took longer than the answer."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_KEY, [key_hash])
        row = cursor.fetchone()
    if row is None:
        return None
    found = Integration(**dict(zip((field.attname for field in Integration._meta.concrete_fields), row, strict=True)))
    found._state.adding = False
    found.secret = decrypt(found.secret) if found.secret else ""
    found.mapping = orjson.loads(row[_COLUMNS.index("mapping")])
    return found


#: No row: the idempotency key has come before.
_STORE = f"""
SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
WITH event AS (
    INSERT INTO incidents_event
        (organisation_id, integration_id, received_at, idempotency_key, body, alerts, truncated, error)
    VALUES (%(organisation)s, %(integration)s, %(now)s, %(key)s, %(body)s, %(alerts)s, %(truncated)s, %(error)s)
    ON CONFLICT DO NOTHING
    RETURNING id
)
SELECT event.id FROM event
"""  # noqa: S608 - put together from a constant
_KNOWN = """
SELECT alert.id, alert.fingerprint, alert.starts_at, alert.ends_at, alert.changed_at, alert.previous_ends_at,
       alert.fires_since, alert.labels, alert.annotations
FROM unnest(%(fingerprints)s::text[]) AS asked(fingerprint),
     LATERAL (
        SELECT id FROM incidents_alert
        WHERE integration_id = %(integration)s AND fingerprint = asked.fingerprint
        ORDER BY starts_at DESC LIMIT 1
     ) AS latest
     JOIN incidents_alert AS alert ON alert.id = latest.id
ORDER BY alert.id
FOR NO KEY UPDATE OF alert
"""


@dataclass(frozen=True, slots=True)
class Row:
    """The latest episode of a fingerprint, locked."""

    pk: int
    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    changed_at: datetime | None
    previous_ends_at: datetime | None
    fires_since: datetime | None
    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]

    def known(self, report: Report) -> Known:
        same = self.labels == report.labels and self.annotations == report.annotations
        return Known(self.starts_at, self.ends_at, self.changed_at, self.previous_ends_at, same, self.fires_since)


def store_event(
    *, integration: Integration, now: datetime, key: str | None, body: bytes, alerts: int, truncated: int, error: str
) -> int | None:
    """The id of the stored event; None where it was stored before under the same key."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "organisation": integration.organisation_id,
                "integration": integration.pk,
                "now": now,
                "key": key,
                "body": body,
                "alerts": alerts,
                "truncated": truncated,
                "error": error[:1000],
            },
        )
        cursor.nextset()
        row = cursor.fetchone()
    return row[0] if row is not None else None


def latest(*, integration: Integration, fingerprints: Sequence[str]) -> dict[str, Row]:
    """The latest episode of each fingerprint, locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"integration": integration.pk, "fingerprints": list(fingerprints)})
        rows = [Row(*row[:-2], *map(orjson.loads, row[-2:])) for row in cursor.fetchall()]
    return {row.fingerprint: row for row in rows}


def integrations(*, organisation: Organisation) -> QuerySet[Integration]:
    """Those in use, with the newest event and what it held."""
    newest = Event.objects.filter(integration=OuterRef("pk")).order_by("-received_at")
    return (
        Integration.objects.filter(organisation=organisation, revoked_at__isnull=True)
        .select_related("owner", "service")
        .annotate(last_at=Subquery(newest.values("received_at")[:1]), last_alerts=Subquery(newest.values("alerts")[:1]))
        .order_by("name")
    )


def events(*, integration: Integration) -> QuerySet[Event]:
    """What came in, newest first, without the bodies."""
    return Event.objects.filter(integration=integration).defer("body")


def day_counts(*, integration: Integration, now: datetime) -> dict[str, int]:
    """Events and errors of the last 24 hours."""
    found = Event.objects.filter(integration=integration, received_at__gte=now - timedelta(days=1))
    return {"events": found.count(), "errors": found.exclude(error="").aggregate(n=Count("pk"))["n"]}


#: Integrations of which something was expected and nothing came; those whose silence has ended as well.
_SILENT = """
SELECT integration.id, COALESCE(newest.received_at, integration.created_at) AS heard_at, silence.id IS NOT NULL AS told
FROM incidents_integration AS integration
LEFT JOIN LATERAL (
    SELECT received_at FROM incidents_event WHERE integration_id = integration.id ORDER BY received_at DESC LIMIT 1
) AS newest ON true
LEFT JOIN incidents_alert AS silence
    ON silence.integration_id = integration.id AND silence.fingerprint = integration.id || %(suffix)s AND silence.state = 'firing'
WHERE integration.expect_seconds IS NOT NULL
  AND (silence.id IS NOT NULL) <> (
        integration.revoked_at IS NULL
        AND COALESCE(newest.received_at, integration.created_at)
            < %(now)s - make_interval(secs => integration.expect_seconds)
      )
"""


@dataclass(frozen=True, slots=True)
class Silence:
    """An integration whose silence begins (`told` False) or has ended (True)."""

    integration_id: int
    heard_at: datetime
    told: bool


def silences(*, now: datetime) -> list[Silence]:
    with connection.cursor() as cursor:
        cursor.execute(_SILENT, {"suffix": f":{SILENT}", "now": now})
        return [Silence(*row) for row in cursor.fetchall()]
