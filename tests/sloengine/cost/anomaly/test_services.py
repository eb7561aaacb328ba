"""The ledger judged hour by hour: findings, the page, REST, the command, and feedback that is remembered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability.core import clock, permissions
from observability.core.models import AuditEntry
from observability.core.services import default_organisation
from sloengine.budgets.models import Finding
from sloengine.cost.anomaly import queries, services
from sloengine.cost.anomaly.models import CostFeedback
from sloengine.cost.ledger.meters import Slice
from sloengine.cost.ledger.models import LedgerCursor, UsageHour
from sloengine.cost.ledger.services.writing import series_ids
from tests import factories
from tests.sloengine.cost.anomaly import world as made

HOUR = timedelta(hours=1)
DAYS = 12
END = datetime(2026, 11, 17, 0, 0, tzinfo=UTC)  # a Tuesday begins


@pytest.fixture
def organisation(db):
    queries.forget_use()
    yield default_organisation()
    queries.forget_use()


@pytest.fixture
def ledger(organisation):
    """Twelve days of three tenants, and the means to write an hour more."""
    service = factories.make_service(organisation, slug="chat")
    factories.make_price(service, usd="0.1", at=END - timedelta(days=60))
    use = made.use(tenants=3, days=DAYS)
    names = ("acme", "globex", "initech")
    ids = series_ids(service=service, slices=[Slice(tenant=name) for name in names])
    start = END - timedelta(days=DAYS)
    rows = [
        UsageHour(
            series_id=ids[Slice(tenant=name)], at=start + at * HOUR, requests_ok=int(use.requests[row, at]),
            output=int(use.tokens[row, at]),
        )
        for row, name in enumerate(names)
        for at in range(DAYS * 24)
    ]  # fmt: skip
    UsageHour.objects.bulk_create(rows)
    cursor = LedgerCursor.objects.create(service=service, until=END)

    def hour(acme=1.0, size=1.0):
        """What the same hour of the day before was, acme's requests and sizes scaled; judged five minutes after it ended."""
        at = cursor.until
        for row in UsageHour.objects.filter(at=at - 24 * HOUR):
            mine = row.series_id == ids[Slice(tenant="acme")]
            UsageHour.objects.create(
                series_id=row.series_id, at=at, requests_ok=round(row.requests_ok * (acme if mine else 1)),
                output=round(row.output * (acme * size if mine else 1)),
            )  # fmt: skip
        cursor.until = at + HOUR
        cursor.save()
        services.judge_spend(now=at + HOUR + timedelta(minutes=5))
        return at + HOUR + timedelta(minutes=5)

    return hour


def firing():
    return list(Finding.objects.firing().order_by("pk"))


def test_a_tenant_that_asks_three_times_as_often_is_found_and_named(ledger):
    ledger()
    assert not firing()
    now = ledger(acme=4.0)
    (found,) = firing()
    assert (found.kind, found.fingerprint, found.service.slug) == ("cost", "spend/chat/acme", "chat")
    assert found.evidence["driver"] == "requests"
    assert found.evidence["requests_ratio"] == pytest.approx(4, rel=0.4)
    assert found.evidence["unit"] == "USD"
    assert datetime.fromisoformat(found.evidence["impact_start"]) == now - timedelta(minutes=5) - HOUR
    assert found.evidence["today"]["estimate"] > found.evidence["today"]["usual"]
    assert "the driver is requests" in found.reason


def test_longer_answers_are_told_from_more_requests_and_the_finding_clears(ledger):
    ledger(size=5.0)
    assert firing()[0].evidence["driver"] == "tokens per request"
    for _ in range(4):
        ledger()
    assert not firing()
    assert Finding.objects.count() == 1


def test_an_hour_is_judged_once_and_an_idle_beat_asks_one_question(ledger):
    now = ledger()
    with CaptureQueriesContext(connection) as asked:
        assert services.judge_spend(now=now) == 0
    assert len(asked) == 1


def test_what_was_foreseen_is_told_no_more_until_it_is_forgotten(ledger, organisation):
    now = ledger(acme=4.0)
    actor = permissions.system(organisation)
    services.give_feedback(finding=firing()[0], kind="expected", note="a load test", until=None, actor=actor, now=now)
    assert not firing()
    assert AuditEntry.objects.filter(verb="cost_feedback").count() == 1
    ledger(acme=4.0)
    assert not firing()
    services.forget_feedback(feedback=CostFeedback.objects.get(), actor=actor, now=now)
    assert not queries.foreseen(organisation=organisation)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "perhaps"}, "kind: found 'perhaps'"),
        ({"note": " "}, "note: found none"),
        ({"kind": "event"}, "until: found none"),
        ({"until": END - HOUR}, "until: found 2026-11-16"),
    ],
)
def test_feedback_that_says_too_little_is_refused_with_words(organisation, given, words):
    service = factories.make_service(organisation)
    finding = factories.make_finding(service, kind="cost")
    whole = {"kind": "expected", "note": "known", "until": None, **given}
    with pytest.raises(services.BadFeedback, match=words):
        services.give_feedback(finding=finding, actor=permissions.system(organisation), now=END, **whole)


def test_the_fast_comparison_is_not_told_twice(ledger, organisation):
    factories.make_finding(None, organisation=organisation, kind="cost", fingerprint="cost/chat/acme")
    ledger(acme=4.0)
    assert [one.fingerprint for one in firing()] == ["cost/chat/acme"]


def test_the_command_lists_judges_and_draws(ledger, organisation):
    now = ledger(acme=4.0)
    with clock.frozen(now):
        told = StringIO()
        call_command("cost", "anomalies", stdout=told)
        judged = StringIO()
        call_command("cost", "anomalies", "--judge", stdout=judged)
        plain = StringIO()
        call_command("cost", "anomalies", "--json", stdout=plain)
    assert "acme on chat" in told.getvalue()
    assert "█" in told.getvalue()
    assert "by chance" in judged.getvalue()
    assert json.loads(plain.getvalue())[0]["evidence"]["tenant"] == "acme"
