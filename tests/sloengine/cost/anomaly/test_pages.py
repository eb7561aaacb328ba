"""Cost anomalies as people and programs see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sloengine.budgets.models import Finding
from sloengine.cost.anomaly.models import CostFeedback
from tests import factories, worlds
from tests.factories import NOW

EVIDENCE = {
    "tenant": "acme", "driver": "requests", "factor": 3.0, "usd_per_hour_now": 300.0, "usd_per_hour_before": 100.0, "unit": "USD",
    "today": {"so_far": 900.0, "estimate": 4000.0, "usual": 2400.0},
}  # fmt: skip


@pytest.fixture
def small(db, frozen_now):
    return worlds.small_world(now=frozen_now)


def found(small, number=1):
    return [
        factories.make_finding(
            small.services["chat"],
            kind="cost",
            fingerprint=f"spend/chat/acme{i}",
            evidence=EVIDENCE,
            reason="acme on chat: more",
        )
        for i in range(number)
    ]


def test_nothing_found_says_so(small):
    text = small.client("viewer").get("/cost/anomalies/").content.decode()
    assert "Spend is usual" in text


def test_the_page_names_tenant_driver_and_day_and_asks_as_many_questions_for_three_as_for_one(small):
    client = small.client("responder")
    found(small)
    text = client.get("/cost/anomalies/").content.decode()
    for words in (
        "1 departure from usual spend",
        "requests",
        "300 USD",
        "4,000 USD where 2,400 USD are usual",
        "It was foreseen",
    ):
        assert words in text
    with CaptureQueriesContext(connection) as one:
        client.get("/cost/anomalies/")
    Finding.objects.all().delete()
    found(small, 3)
    with CaptureQueriesContext(connection) as three:
        client.get("/cost/anomalies/")
    assert len(three) == len(one)


def test_a_responder_says_that_it_was_foreseen_and_takes_it_back(small):
    (finding,) = found(small)
    client = small.client("responder")
    client.post(f"/cost/anomalies/{finding.pk}/feedback/", {"note": "Black Friday", "until": "2026-12-01"})
    row = CostFeedback.objects.get()
    assert (row.kind, row.driver, row.factor, row.note) == ("event", "requests", 3.0, "Black Friday")
    finding.refresh_from_db()
    assert finding.state == "cleared"
    assert "Black Friday" in client.get("/cost/anomalies/").content.decode()
    client.post(f"/cost/feedback/{row.pk}/forget/")
    assert not CostFeedback.objects.exists()


def test_a_mistake_is_told_and_a_viewer_may_not(small):
    (finding,) = found(small)
    address = f"/cost/anomalies/{finding.pk}/feedback/"
    answer = small.client("responder").post(address, {"note": ""}, follow=True).content.decode()
    assert "Not kept: note: found none" in answer
    assert "It was foreseen" not in small.client("viewer").get("/cost/anomalies/").content.decode()
    assert small.client("viewer").post(address, {"note": "x"}).status_code == 403
    assert not CostFeedback.objects.exists()


def test_rest_does_what_the_page_does(small):
    (finding,) = found(small)
    client = small.client("responder")
    (item,) = client.get("/api/v1/cost/anomalies").json()["items"]
    assert (item["service"], item["evidence"]["driver"]) == ("chat", "requests")
    address = f"/api/v1/cost/anomalies/{finding.pk}/feedback"
    wrong = client.post(address, {"kind": "event", "note": "x"}, content_type="application/json")
    assert wrong.status_code == 422
    assert "until: found none" in wrong.content.decode()
    given = {"kind": "event", "note": "a fair", "until": (NOW + timedelta(days=2)).isoformat()}
    made = client.post(address, given, content_type="application/json")
    assert made.status_code == 201
    assert client.get("/api/v1/cost/feedback").json()[0]["note"] == "a fair"
    assert client.delete(f"/api/v1/cost/feedback/{made.json()['id']}").status_code == 204
    assert client.delete(f"/api/v1/cost/feedback/{made.json()['id']}").status_code == 404
    assert client.post("/api/v1/cost/anomalies/0/feedback", given, content_type="application/json").status_code == 404
