"""Forecast and capacity as people and programs see them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability.core.services import default_organisation
from tests import factories, worlds
from tests.factories import NOW

MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)


@pytest.fixture
def small(db, frozen_now):
    return worlds.small_world(now=frozen_now)


def use(service, days: int) -> None:
    for day in range(1, days + 1):
        factories.make_usage(
            service, at=MIDNIGHT - timedelta(days=day) + timedelta(hours=15), tenant="acme", requests_ok=36, output=3600
        )


def test_the_page_shows_the_quarter_and_says_what_it_does_not_know(small):
    use(small.services["chat"], 20)
    client = small.client("viewer")
    text = client.get("/cost/capacity/").content.decode()
    assert "How many replicas serve chat is not known" in text
    assert "324 k, 324 k to 324 k" in text
    assert "not enough history: 0 closed days, 14 more are needed" in text
    assert "Busiest hour" in text
    assert "not measured" in text
    answer = client.get("/cost/capacity/?target=700")
    assert answer.status_code == 422
    assert "expected per cent from 1 to 100" in answer.content.decode()


def test_more_services_do_not_take_more_queries(small):
    client = small.client("viewer")
    use(small.services["chat"], 3)
    client.get("/cost/capacity/")
    with CaptureQueriesContext(connection) as before:
        client.get("/cost/capacity/")
    for number in range(2):
        use(factories.make_service(small.organisation, slug=f"more-{number}"), 2)
    with CaptureQueriesContext(connection) as after:
        client.get("/cost/capacity/")
    assert len(after) <= len(before)


def test_the_interface_says_the_same(small):
    use(small.services["chat"], 20)
    client = small.client("viewer")
    (row,) = client.get("/api/v1/cost/forecast?service=chat").json()
    assert len(row["tokens"]["ahead"]) == 90
    assert row["tokens"]["quarter"]["middle"] == pytest.approx(324_000)
    assert row["requests"]["quarter"]["middle"] == pytest.approx(3240)
    found = client.get("/api/v1/cost/capacity?service=chat&target=60").json()
    assert (found["peak_tokens_per_second"], found["target_ratio"], found["replicas"]) == (1.0, 0.6, None)
    assert found["runs_out_on"] is None
    assert client.get("/api/v1/cost/forecast?service=none").status_code == 404
    assert client.get("/api/v1/cost/capacity?service=none").status_code == 404
    assert client.get("/api/v1/cost/capacity?service=chat&target=x").status_code == 422


def test_the_commands_say_the_same(db, frozen_now, capsys):
    use(factories.make_service(default_organisation(), slug="chat"), 20)
    call_command("cost", "forecast")
    assert "324 k, 324 k to 324 k" in capsys.readouterr().out
    call_command("cost", "capacity")
    assert "How many replicas serve chat is not known." in capsys.readouterr().out
    call_command("cost", "capacity", "--service", "chat", "--json")
    assert json.loads(capsys.readouterr().out)[0]["peak_tokens_per_second"] == 1.0
    with pytest.raises(CommandError, match="expected per cent"):
        call_command("cost", "capacity", "--target", "0")
