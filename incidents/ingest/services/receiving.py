"""Take what a sender posts: store it and what it changes in one transaction, then answer. Placing it comes afterwards.

The raw event and its alerts are committed before the sender hears 2xx. Two requests that speak of the same alert at the same
moment fold: the one that comes second finds the first one's row, or meets a unique index and begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Q

from incidents.ingest import mapping, payloads, queries, signatures
from incidents.ingest.folding import Fold, fold
from incidents.ingest.models import Event, Integration
from incidents.ingest.payloads import Malformed, Report, Reports
from incidents.ingest.queries import Request, Row
from incidents.paging.answers import services as answers

TRIES = 4
#: Of a request that could not be read, this much is kept to look at.
KEPT_OF_A_REFUSED_BODY = 64 * 1024


class Refused(Exception):
    """The request is not taken: its signature does not fit. The message says so, in the log of the sender too."""


class Busy(Exception):
    """The database cannot take it now; the sender is to come again."""


@dataclass(frozen=True, slots=True)
class Received:
    """What was made of a request. `error`: why some or all of it could not be read."""

    event_id: int | None
    alerts: int = 0
    duplicate: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request as it came: which door, its body, the headers that count."""

    body: bytes
    posted: bool = False  # at /api/v2/alerts
    headers: Mapping[str, str] | None = None

    def header(self, name: str) -> str:
        return (self.headers or {}).get(name, "")


def receive(*, integration: Integration, envelope: Envelope, now: datetime) -> Received:
    """Store the request and what it says. Raises Refused and Busy; a payload that cannot be read is stored with its error."""
    _check_signature(integration, envelope, now)
    try:
        said = read(integration=integration, envelope=envelope, now=now)
    except Malformed as error:
        return _malformed(integration, envelope, str(error), now)
    problem = "; ".join(said.problems[:10])
    event_id = committed(lambda: store(integration, envelope, said, problem, now))
    if event_id is None:
        return Received(None, duplicate=True)
    if problem:
        note_problem(integration=integration, problem=problem, now=now)
    return Received(event_id, alerts=len(said.reports), error=problem)


def read(*, integration: Integration, envelope: Envelope, now: datetime) -> Reports:
    """What the payload says, by the integration's kind. Raises Malformed."""
    key = (envelope.header("Idempotency-Key") or envelope.header("X-Webhook-Id"))[:200] or None
    if integration.kind == Integration.Kind.HEARTBEAT:
        return _check_in(integration, envelope, now)
    try:
        document = orjson.loads(envelope.body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"found {envelope.body[:40]!r}, expected JSON ({error})") from error
    if envelope.posted:
        said = payloads.api_v2(document, now=now)
    elif integration.kind == Integration.Kind.PAGERDUTY:
        said = payloads.pagerduty(document, now=now)
    elif integration.kind == Integration.Kind.GENERIC:
        said = mapping.generic(document, mapping=mapping.checked(integration.mapping), now=now)
    else:
        said = payloads.alertmanager(document, now=now)
    return replace(said, key=key or said.key)


def _check_in(integration: Integration, envelope: Envelope, now: datetime) -> Reports:
    """A check-in says that all is well; one at .../fail that it is not."""
    labels = {"alertname": f"{integration.name} failed", "heartbeat": integration.name}
    text = envelope.body[:2000].decode("utf-8", "replace")
    failed = envelope.header("X-Tailwatch-Failed") == "1"
    report = Report(
        fingerprint="failed",
        firing=failed,
        labels=labels,
        annotations=payloads.texts({"summary": f"{integration.name} says that it failed", "description": text}),
        starts_at=now,
        ends_at=None if failed else now,
    )
    return Reports((report,))


def _check_signature(integration: Integration, envelope: Envelope, now: datetime) -> None:
    if not integration.secret:
        return
    if integration.kind == Integration.Kind.GRAFANA:
        name = integration.timestamp_header
        fits = signatures.grafana(
            secret=integration.secret,
            body=envelope.body,
            signature=envelope.header(signatures.GRAFANA),
            timestamp=envelope.header(name) if name else None,
            now=int(now.timestamp()),
        )
    elif integration.kind == Integration.Kind.PAGERDUTY:
        given = envelope.header(signatures.PAGERDUTY)
        fits = signatures.pagerduty(secret=integration.secret, body=envelope.body, signatures=given)
    else:
        return
    if not fits:
        problem = "A request with a wrong or missing signature was refused: compare the secret here with the sender's."
        note_problem(integration=integration, problem=problem, now=now)
        raise Refused(problem)


def _malformed(integration: Integration, envelope: Envelope, error: str, now: datetime) -> Received:
    event = Event.objects.create(
        organisation_id=integration.organisation_id,
        integration=integration,
        received_at=now,
        body=envelope.body[:KEPT_OF_A_REFUSED_BODY],
        error=payloads.clean(error)[:1000],
    )
    note_problem(integration=integration, problem=error, now=now)
    return Received(event.pk, error=error)


def refuse_large(*, integration: Integration, head: bytes, limit: int, now: datetime) -> None:
    """A body over the limit: its beginning is kept, with what to do about it."""
    error = f"The body is larger than {limit // 2**20} MiB and was not read. Have the sender send fewer alerts at once (max_alerts)."
    _malformed(integration, Envelope(head), error, now)


def note_problem(*, integration: Integration, problem: str, now: datetime) -> None:
    """Keep the last thing that went wrong, at most once in ten seconds, so that a flood of it costs nothing."""
    rested = Q(problem_at__isnull=True) | Q(problem_at__lte=now - timedelta(seconds=10)) | ~Q(problem=problem[:500])
    Integration.objects.filter(rested, pk=integration.pk).update(problem=payloads.clean(problem)[:500], problem_at=now)


class _Raced(Exception):
    """Somebody else wrote the same alert at the same moment."""


def committed(store: Callable[[], int | None]) -> int | None:
    """Run the transaction; begin anew where it raced another. Raises Busy."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                return store()
        except (_Raced, IntegrityError):
            continue
        except OperationalError as error:
            if attempt + 1 < TRIES and "deadlock" in str(error):
                continue
            raise Busy(str(error)) from error
    raise Busy("the same alerts are being written by others")


def store(integration: Integration, envelope: Envelope, said: Reports, error: str, now: datetime) -> int | None:
    request = Request(said.key, envelope.body, len(said.reports), said.truncated, error)
    signs = [one for one in said.reports if _is_sign(integration, one)]
    reports = [one for one in said.reports if one not in signs] if signs else said.reports
    event_id = _in_rounds(integration, reports, now, request=request)
    if event_id is not None and any(one.firing for one in signs):
        Integration.objects.filter(pk=integration.pk).update(heard_at=now)
    if event_id is not None and said.answer is not None:
        vendor = integration.get_kind_display()
        answers.answered_at_vendor(organisation=integration.organisation, answer=said.answer, vendor=vendor, now=now)
    return event_id


def _is_sign(integration: Integration, report: Report) -> bool:
    """Whether it is the alert that must keep firing: a sign of life, and nothing that is wrong."""
    return bool(integration.expect_alert) and report.labels.get("alertname") == integration.expect_alert


def fold_in(*, integration: Integration, reports: Sequence[Report], now: datetime) -> None:
    """What the reports change, written to the alerts. Needs a transaction."""
    _in_rounds(integration, reports, now, request=None)


def _in_rounds(
    integration: Integration, reports: Sequence[Report], now: datetime, *, request: Request | None
) -> int | None:
    """Twice the same fingerprint goes in two rounds; the first stores the request. Its id, None where it was stored before."""
    rest = sorted(reports, key=lambda report: (report.starts_at, report.ends_at is not None))
    event_id: int | None = None
    while rest or request is not None:
        once: dict[str, Report] = {}
        later = []
        for report in rest:
            mine = f"{integration.pk}:{report.fingerprint}"
            if mine in once:
                later.append(report)
            else:
                once[mine] = report
        taken = _fold_round(integration, once, now, request)
        if request is not None:
            if taken is None:
                return None
            event_id = taken
        rest, request = later, None
    return event_id


def _fold_round(
    integration: Integration, reports: Mapping[str, Report], now: datetime, request: Request | None
) -> int | None:
    unheard = {
        fingerprint: _new(integration, fingerprint, report, None)
        for fingerprint, report in reports.items()
        if fold(report=report, known=None, now=now) in {Fold.NEW, Fold.OVER}
    }
    taken = queries.take(
        integration=integration,
        now=now,
        request=request,
        fingerprints=sorted(reports),
        made=_json(unheard.values()),
    )
    if taken is None:
        return None
    if taken.made != len(unheard.keys() - taken.known.keys()):
        raise _Raced
    if taken.known:
        _fold_known(integration, reports, taken.known, now)
    return taken.event_id


def _fold_known(
    integration: Integration, reports: Mapping[str, Report], known: Mapping[str, Row], now: datetime
) -> None:
    made: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    extended: list[dict[str, Any]] = []
    for fingerprint, row in known.items():
        report = reports[fingerprint]
        verdict = fold(report=report, known=row.known(report), now=now)
        if verdict in {Fold.NEW, Fold.OVER}:
            made.append(_new(integration, fingerprint, report, row))
        elif verdict in {Fold.ENDS, Fold.UPDATED, Fold.AGAIN}:
            changed.append(_fields(report) | {"id": row.pk})
        if report.expires_at is not None and verdict in {Fold.SAME, Fold.UPDATED, Fold.AGAIN}:
            extended.append({"id": row.pk, "expires_at": report.expires_at})
    if made and queries.make(integration=integration, now=now, made=_json(made)) != len(made):
        raise _Raced
    with connection.cursor() as cursor:
        if changed:
            cursor.execute(_UPDATE, [now, now, _json(changed)])
        if extended:
            cursor.execute(_EXTEND, [_json(extended)])


def _fields(report: Report) -> dict[str, Any]:
    return {
        "state": "firing" if report.firing else "cleared",
        "title": report.title[:300],
        "labels": report.labels,
        "annotations": report.annotations,
        "extra": report.extra,
        "ends_at": report.ends_at,
        "fires_since": report.starts_at if report.firing else None,
    }


def _new(integration: Integration, fingerprint: str, report: Report, row: Row | None) -> dict[str, Any]:
    return _fields(report) | {
        "fingerprint": fingerprint,
        "urgency": payloads.urgency_of(report.labels, default=integration.default_urgency),
        "starts_at": report.starts_at,
        "source_group": report.group if integration.whole_groups else "",
        "expires_at": report.expires_at,
        "previous_ends_at": row.ends_at if row is not None else None,
    }


def _json(rows: Iterable[Mapping[str, Any]]) -> str:
    """As JSON that PostgreSQL takes: no NUL, no lone surrogates, whatever was nested in a payload."""
    text = orjson.dumps(list(rows), option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    return text.replace("\\u0000", "") if "\\u0000" in text else text


_UPDATE = """
UPDATE incidents_alert AS alert
SET state = given.state, title = given.title, labels = given.labels, annotations = given.annotations, extra = given.extra,
    ends_at = given.ends_at, changed_at = %s, place_at = %s,
    fires_since = COALESCE(GREATEST(alert.fires_since, given.fires_since), alert.starts_at)
FROM jsonb_to_recordset(%s::jsonb) AS given(
    id bigint, state text, title text, labels jsonb, annotations jsonb, extra jsonb, ends_at timestamptz,
    fires_since timestamptz)
WHERE alert.id = given.id
"""
_EXTEND = """
UPDATE incidents_alert AS alert SET expires_at = GREATEST(alert.expires_at, given.expires_at)
FROM jsonb_to_recordset(%s::jsonb) AS given(id bigint, expires_at timestamptz) WHERE alert.id = given.id
"""
