"""What the sweepers of paging cost with little and with much history: the beats that ask, and the auditor."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import process_time

from tests.benchmarks import Measurement, database

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
_INCIDENTS = """
INSERT INTO incidents_incident (organisation_id, number, service_id, group_key, title, headline, severity, state,
                                detected_at, opened_at, resolved_at, changed_at, resolved_reason, leaf, runbook,
                                diagnosis, escalation, escalation_run, simulated, drill)
SELECT %(organisation)s, 1000 + g, %(service)s, 'service:1', '', '', 2, 'resolved', at, at, at, at, '', '', '',
       '{}', '{}', 1, false, false
FROM (SELECT g, '2024-01-01'::timestamptz + g * interval '10 min' AS at FROM generate_series(%(first)s, %(last)s) AS g)
"""
_STEPS = """
INSERT INTO incidents_escalationstep (organisation_id, incident_id, run, number, user_id, label, state, reason, created_at, done_at, due_at)
SELECT organisation_id, id, 1, n, NULL, '', 'done', '', opened_at, opened_at, opened_at
FROM incidents_incident, generate_series(1, 3) AS n
WHERE state = 'resolved' AND number BETWEEN 1000 + %(first)s AND 1000 + %(last)s
"""
_PAGES = """
INSERT INTO incidents_page (organisation_id, incident_id, user_id, endpoint_id, step_id, kind, reason, decision, dedup_key, state,
                            created_at, due_at, give_up_at, attempts, recorded, uncertain, sent_at, closed_reason,
                            vendor_key)
SELECT s.organisation_id, s.incident_id, %(user)s, %(endpoint)s, s.id, 'opened', '', 'step ' || s.number, 'k', 'sent',
       s.due_at, s.due_at, s.due_at, 1, 1, false, s.due_at, '', ''
FROM incidents_escalationstep AS s JOIN incidents_incident AS i ON i.id = s.incident_id
WHERE s.state = 'done' AND i.number BETWEEN 1000 + %(first)s AND 1000 + %(last)s
"""


def measure(full: bool) -> Iterator[Measurement]:
    server = database.migrated()
    little, much = (1_000, 100_000) if full else (500, 10_000)
    given = _world()
    rounds = 60 if full else 30
    costs: dict[int, dict[str, float]] = {}
    first = 1
    for size in (little, much):
        _fill(server, {**given, "first": first, "last": size})
        first = size + 1
        costs[size] = {name: _median(run, rounds) for name, run in _sweeps().items()}
    for name in costs[much]:
        yield Measurement(
            benchmark="sweeper",
            metric=f"{name}, {much:,} incidents behind it",
            value=1000 * costs[much][name],
            unit="ms of CPU",
            better="lower",
            target=20 if "auditor" in name else 5,
            baseline=1000 * costs[little][name],
            baseline_name=f"with {little:,}",
        )
    whole = {size: sum(cost.values()) for size, cost in costs.items()}
    yield Measurement(
        benchmark="sweeper",
        metric=f"all sweeps, {much:,} incidents against {little:,}",
        value=whole[much] / whole[little],
        unit="times",
        better="lower",
        target=1.5,
    )


def _sweeps() -> dict[str, Callable[[], object]]:
    from incidents.oncall.watch import services as watch
    from incidents.paging import services as paging
    from incidents.response import services as response

    return {
        "escalate_due with nothing due": lambda: paging.escalate_due(now=NOW),
        "deliver_due with nothing due": lambda: paging.deliver_due(now=NOW),
        "expire_answers with nothing due": lambda: response.expire_answers(now=NOW),
        "watch_due with nothing due": lambda: watch.watch_due(now=NOW),
        "the auditor, 20 open incidents": lambda: paging.audit_pages(now=NOW),
    }


def _world() -> dict[str, int]:
    """Twenty incidents that are being paged for, whose next step is an hour off."""
    from incidents.paging.models import EscalationStep, Page
    from incidents.response import services as response
    from tests import factories

    acme = factories.make_organisation("sweeper")
    ana = factories.make_user(acme)
    endpoint = factories.make_pager(ana, acme, url="https://pager.example/")
    factories.make_policy(acme, ana, repeats=5)
    service = factories.make_service(acme)
    for _ in range(20):
        response.page(incident=factories.make_incident(service), now=NOW)
    EscalationStep.objects.filter(state="pending").update(due_at=NOW + timedelta(hours=1))
    Page.objects.all().update(due_at=NOW + timedelta(hours=1))
    return {"organisation": acme.pk, "service": service.pk, "user": ana.pk, "endpoint": endpoint.pk}


def _fill(server: object, given: dict[str, int]) -> None:
    from django.db import connection

    from observability.supervisor import postgres

    with connection.cursor() as cursor:
        for statement in (_INCIDENTS, _STEPS, _PAGES):
            cursor.execute(statement, given)
    with server.connect(postgres.OWNER, connection.settings_dict["NAME"]) as owner:  # type: ignore[attr-defined]
        for table in ("incidents_incident", "incidents_escalationstep", "incidents_page"):
            owner.execute(f"VACUUM ANALYZE {table}")


def _median(run: Callable[[], object], rounds: int) -> float:
    run()
    seconds = []
    for _ in range(rounds):
        began = process_time()
        run()
        seconds.append(process_time() - began)
    return statistics.median(seconds)
