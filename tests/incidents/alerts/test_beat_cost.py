"""A beat with nothing to do stays cheap, however much history lies behind it."""

from __future__ import annotations

import pytest
from django.db import connection

from incidents.alerts import queries
from incidents.alerts.models import AlertCursor
from observability.supervisor import postgres
from tests import factories
from tests.factories import NOW

HISTORY = 20_000
FINDINGS = """
INSERT INTO sloengine_finding (organisation_id, service_id, kind, fingerprint, severity, state, since, cleared_at,
                               changed_at, reason, evidence)
SELECT %(organisation)s, %(service)s, 'burn', 'old ' || g, 'page', 'cleared', at, at, at, '', '{}'
FROM (SELECT g, '2025-01-01'::timestamptz + g * interval '5 min' AS at FROM generate_series(1, %(count)s) AS g)
"""
INCIDENTS = """
INSERT INTO incidents_incident (organisation_id, number, service_id, group_key, title, headline, severity, state,
                                detected_at, opened_at, resolved_at, changed_at, resolved_reason, leaf, runbook,
                                diagnosis, escalation, escalation_run, simulated, drill)
SELECT %(organisation)s, 1000 + g, %(service)s, 'service:1', '', '', 2, 'resolved', at, at, at, at, '', '', '',
       '{}', '{}', 1, false, false
FROM (SELECT g, '2025-01-01'::timestamptz + g * interval '5 min' AS at FROM generate_series(1, %(count)s) AS g)
"""


@pytest.mark.django_db(transaction=True)
def test_the_questions_of_a_beat_are_answered_from_indexes(database_server) -> None:
    service = factories.make_service(factories.make_organisation())
    factories.make_finding(service)
    given = {"organisation": service.organisation_id, "service": service.pk, "count": HISTORY}
    with connection.cursor() as cursor:
        cursor.execute(FINDINGS, given)
        cursor.execute(INCIDENTS, given)
    with database_server.connect(postgres.OWNER, connection.settings_dict["NAME"]) as owner:
        for table in ("sloengine_finding", "incidents_incident"):
            owner.execute(f"VACUUM ANALYZE {table}")
    AlertCursor.objects.create(name=queries.CURSOR, position=NOW)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + queries.WORK, queries.asked_with(now=NOW))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on sloengine_finding" not in plan
    assert "Seq Scan on incidents_incident" not in plan
    assert queries.work(now=NOW) == queries.Work(findings=True, alerts=False, incidents=False)
