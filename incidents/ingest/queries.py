"""What ingest asks: the integration of a key, what is known of fingerprints, what a page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count, OuterRef, QuerySet, Subquery

from incidents.ingest.folding import Known
from incidents.ingest.models import Event, Integration
from incidents.ingest.payloads import Report
from observability.core import questions
from observability.core.fields import decrypt
from observability.core.models import Organisation

#: The fingerprint, within its integration, of the alert that says that nothing comes from it any more.
SILENT = "silent"
#: How long a request waits for a row that another one holds.
LOCK_TIMEOUT = "5s"


#: What a request needs of its integration; the rest is read where it is asked for.
_OF_KEY_FIELDS = [
    "id", "organisation_id", "kind", "name", "key_hash", "secret", "timestamp_header", "mapping", "whole_groups", "default_urgency",
    "service_id", "expect_alert",
]  # fmt: skip
_OF_KEY = f"SELECT {', '.join(_OF_KEY_FIELDS)} FROM incidents_integration WHERE key_hash = %s AND revoked_at IS NULL"  # noqa: S608


def of_key(*, key_hash: str) -> Integration | None:
    """The integration in use under this key. As SQL: every request asks it, and compiling it took longer than the answer."""
    try:
        # This question shows whether the connection holds: no other is asked before it.
        connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs leave it out
        row = _asked(key_hash)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        row = _asked(key_hash)
    if row is None:
        return None
    found = Integration.from_db("default", _OF_KEY_FIELDS, row)
    found.secret = decrypt(found.secret) if found.secret else ""
    found.mapping = orjson.loads(found.mapping)
    return found


def _asked(key_hash: str) -> Sequence[Any] | None:
    with connection.cursor() as cursor:
        cursor.execute(_OF_KEY, [key_hash])
        return cursor.fetchone()  # type: ignore[no-any-return]  # a row as the driver gives it


#: The columns of an alert as they are given, with their types.
_GIVEN = """
    fingerprint text, urgency text, state text, title text, labels jsonb, annotations jsonb, extra jsonb,
    starts_at timestamptz, ends_at timestamptz, source_group text, expires_at timestamptz, previous_ends_at timestamptz,
    fires_since timestamptz
"""
_NAMES = ", ".join(column.split()[0] for column in _GIVEN.split(","))
#: Alerts made of what is given, all due to be placed.
_MAKE = f"""
    INSERT INTO incidents_alert (organisation_id, integration_id, kind, reason, received_at, changed_at, place_at, {_NAMES})
    SELECT %(organisation)s, %(integration)s, 'external', '', %(now)s, %(now)s, %(now)s, {_NAMES}
    FROM jsonb_to_recordset(%(made)s::jsonb) AS given({_GIVEN})
"""  # noqa: S608 - put together from constants
_EVENT = """
    INSERT INTO incidents_event
        (organisation_id, integration_id, received_at, idempotency_key, body, alerts, truncated, error)
    VALUES (%(organisation)s, %(integration)s, %(now)s, %(key)s, %(body)s, %(alerts)s, %(truncated)s, %(error)s)
    ON CONFLICT DO NOTHING
    RETURNING id
"""
#: One question a request, for each is a way to the database and back: the event is stored, the latest episodes of its alerts are
#: locked (in the order of their fingerprints, so that no two requests wait for each other) and told, and alerts never heard of are made.
_TAKE = f"""
SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';
WITH event AS ({{event}}), known AS MATERIALIZED (
    SELECT latest.*
    FROM unnest(%(fingerprints)s::text[]) AS asked(fingerprint), LATERAL (
        SELECT id, fingerprint, starts_at, ends_at, changed_at, previous_ends_at, fires_since, labels, annotations
        FROM incidents_alert
        WHERE integration_id = %(integration)s AND fingerprint = asked.fingerprint
        ORDER BY starts_at DESC LIMIT 1
        FOR NO KEY UPDATE
    ) AS latest
), made AS (
    {_MAKE}
    WHERE EXISTS (SELECT FROM event) AND NOT EXISTS (SELECT FROM known WHERE known.fingerprint = given.fingerprint)
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT event.id, (SELECT count(*) FROM made), known.* FROM event LEFT JOIN known ON true
"""  # noqa: S608 - put together from constants
_TAKE_REQUEST, _TAKE_REPORTS = _TAKE.format(event=_EVENT), _TAKE.format(event="SELECT 0 AS id")
_MAKE_MORE = f"{_MAKE} ON CONFLICT DO NOTHING"


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


@dataclass(frozen=True, slots=True)
class Request:
    """What is kept of a request, beside its alerts."""

    key: str | None
    body: bytes
    alerts: int
    truncated: int
    error: str


@dataclass(frozen=True, slots=True)
class Taken:
    """`known`: the latest episodes by fingerprint, locked until the transaction ends; `made`: how many alerts were made."""

    event_id: int
    made: int
    known: Mapping[str, Row]


def take(
    *, integration: Integration, now: datetime, request: Request | None, fingerprints: Sequence[str], made: str
) -> Taken | None:
    """Store the request, if there is one, and make the alerts `made` (JSON) whose fingerprints were never heard of.

    None where the request was stored before under the same key. Needs a transaction.
    """
    given = {"fingerprints": list(fingerprints), "made": made, **_whose(integration, now)}
    if request is not None:
        given |= asdict(request) | {"error": request.error[:1000]}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_REPORTS if request is None else _TAKE_REQUEST, given)
        cursor.nextset()
        rows = cursor.fetchall()
    if not rows:
        return None
    known = [Row(*row[2:-2], *map(orjson.loads, row[-2:])) for row in rows if row[2] is not None]
    return Taken(rows[0][0], rows[0][1], {row.fingerprint: row for row in known})


def make(*, integration: Integration, now: datetime, made: str) -> int:
    """Make alerts (JSON) of fingerprints that were heard of before; how many were."""
    with connection.cursor() as cursor:
        cursor.execute(_MAKE_MORE, {"made": made, **_whose(integration, now)})
        return int(cursor.rowcount)


def _whose(integration: Integration, now: datetime) -> dict[str, Any]:
    return {"organisation": integration.organisation_id, "integration": integration.pk, "now": now}


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
_SILENT = f"""
FROM incidents_integration AS integration
LEFT JOIN LATERAL (
    SELECT received_at FROM incidents_event
    WHERE integration_id = integration.id AND integration.expect_alert = ''
    ORDER BY received_at DESC LIMIT 1
) AS newest ON true
CROSS JOIN LATERAL (
    SELECT COALESCE(
        CASE integration.expect_alert WHEN '' THEN newest.received_at ELSE integration.heard_at END, integration.created_at
    ) AS heard_at
) AS heard
LEFT JOIN incidents_alert AS silence
    ON silence.integration_id = integration.id AND silence.fingerprint = integration.id || ':{SILENT}' AND silence.state = 'firing'
WHERE integration.expect_seconds IS NOT NULL
  AND (silence.id IS NOT NULL) <> (
        integration.revoked_at IS NULL
        AND heard.heard_at < %(now)s - make_interval(secs => integration.expect_seconds)
      )
"""  # noqa: S608 - our own words
ANY_SILENT = questions.Question(f"EXISTS (SELECT {_SILENT})")
_SILENCES = f"""
SELECT integration.id, heard.heard_at, silence.id IS NOT NULL AS told {_SILENT}
"""


@dataclass(frozen=True, slots=True)
class Silence:
    """An integration whose silence begins (`told` False) or has ended (True)."""

    integration_id: int
    heard_at: datetime
    told: bool


def silences(*, now: datetime) -> list[Silence]:
    with connection.cursor() as cursor:
        cursor.execute(_SILENCES, {"now": now})
        return [Silence(*row) for row in cursor.fetchall()]
