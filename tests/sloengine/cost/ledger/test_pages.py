"""/cost/ and its API: the same figures, the same number of queries for one row and for three, nothing guessed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability.core import clock
from observability.core.models import Role
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def chat():
    return factories.make_service(factories.make_organisation(), slug="chat")


@pytest.fixture
def reader(client, chat):
    client.force_login(factories.make_user(chat.organisation, role=Role.LEADERSHIP))
    with clock.frozen(NOW):
        yield client


def test_who_spends_how_much(reader, chat):
    for tenant, tokens in (("acme", 3000), ("globex", 1000)):
        factories.make_usage(chat, at=NOW - timedelta(hours=2), tenant=tenant, output=tokens, requests_ok=4)
    factories.make_price(chat, usd="0.11", at=NOW - timedelta(days=1))
    page = reader.get("/cost/").content.decode()
    assert "0.44 USD for 4,000 tokens" in page
    assert "A thousand tokens cost 0.1100 USD" in page
    assert page.index("acme") < page.index("globex")
    answer = reader.get("/api/v1/cost/spend?by=tenant").json()
    assert [(row["key"], row["usd"]) for row in answer["rows"]] == [
        ({"tenant": "acme"}, "0.33"), ({"tenant": "globex"}, "0.11"),
    ]  # fmt: skip
    assert answer["total"]["at_list"] == {
        "per_request": "0.055", "per_success": "0.055", "per_1k": "0.11", "per_1m": "110",
    }  # fmt: skip


def test_an_unknown_price_is_unknown_and_nothing_is_said_plainly(reader, chat):
    assert "Nothing was used in this time" in reader.get("/cost/?hours=720&by=day").content.decode()
    factories.make_usage(chat, at=NOW - timedelta(hours=2), tenant="acme", output=10)
    page = reader.get("/cost/?by=colour&hours=many&service=chat").content.decode()
    assert "10 tokens, at a cost that is not known" in page
    assert "unknown" in page
    assert reader.get("/api/v1/cost/spend?by=colour").status_code == 422
    assert reader.get("/api/v1/cost/spend?hours=0").json()["detail"] == "hours: found 0, expected 1 to 9600"


def test_others_see_nothing_of_it(reader, chat):
    other = factories.make_service(factories.make_organisation("other"), slug="chat")
    factories.make_usage(other, at=NOW - timedelta(hours=2), tenant="acme", output=10)
    assert "acme" not in reader.get("/cost/").content.decode()


def test_three_tenants_ask_no_more_than_one(reader, chat):
    counts = []
    for tenants in (("acme",), ("globex", "initech")):
        for tenant in tenants:
            factories.make_usage(chat, at=NOW - timedelta(hours=2), tenant=tenant, output=10)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            reader.get("/cost/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
