"""Prices, hardware, usage files and invoices over REST and on their page; who may not, may not."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from observability.core import clock
from observability.core.models import Role
from sloengine.cost.ledger.models import Invoice, Placement, UsageImport
from sloengine.cost.models import Price
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW
PRICES = "effective_from,price,currency,token_class\n2026-11-01,0.11,USD,any\n"
USAGE = "at,service,tenant,output,requests_ok\n2026-11-10,chat,acme,2000,3\n"
INVOICE = "token_class,tokens,amount,currency\noutput,2000,0.23,USD\n"


@pytest.fixture
def chat():
    return factories.make_service(factories.make_organisation(), slug="chat")


@pytest.fixture
def admin(client, chat):
    client.force_login(factories.make_user(chat.organisation, role=Role.ADMIN))
    with clock.frozen(NOW):
        yield client


def post(client, address, **body):
    return client.post(f"/api/v1/cost/{address}", json.dumps(body), content_type="application/json")


def test_everything_over_rest(admin):
    assert post(admin, "prices", text=PRICES).json() == {"rows": 1}
    again = post(admin, "prices", text=PRICES)
    assert (again.status_code, "row 1, column effective_from" in again.json()["detail"]) == (422, True)
    (price,) = admin.get("/api/v1/cost/prices").json()
    assert (price["service"], price["token_class"], price["currency"]) == (None, "any", "USD")
    assert post(admin, "imports", text=USAGE, name="november.csv").json()["tokens"] == 2000
    assert "no earlier file" in post(admin, "imports", text=USAGE).json()["detail"]
    days = {"since": "2026-11-01T00:00:00Z", "until": "2026-11-15T00:00:00Z"}
    answer = post(admin, "invoices", text=INVOICE, number="A-1", **days).json()
    assert (answer["ours"], answer["difference"], answer["rows"][0]["by_price"]) == ("0.22", "0.01", "0.01")
    assert admin.get("/api/v1/cost/invoices/A-1").json() == answer
    assert [row["number"] for row in admin.get("/api/v1/cost/invoices").json()] == ["A-1"]
    assert post(admin, "invoices", text=INVOICE, number="A-1", **days).status_code == 422
    assert (
        post(admin, "invoices", text=INVOICE, number="A-2", since="2026-11-01T00:00:00", until="2026-11-02").status_code
        == 422
    )
    placed = post(admin, "hardware", hardware="H100", service="chat", units="2").json()
    assert (placed["units"], placed["effective_from"]) == ("2", "2026-11-17T10:00:00Z")
    assert "end that one first" in post(admin, "hardware", hardware="A100", service="chat").json()["detail"]
    assert len(admin.get("/api/v1/cost/hardware").json()) == 1
    (taken,) = admin.get("/api/v1/cost/imports").json()
    for address in (
        f"hardware/{placed['number']}", f"imports/{taken['number']}", f"prices/{price['number']}", "invoices/A-1",
    ):  # fmt: skip
        assert admin.delete(f"/api/v1/cost/{address}").status_code == 204
    assert admin.delete(f"/api/v1/cost/imports/{taken['number']}").status_code == 409
    assert not any(model.objects.exists() for model in (Price, Placement, Invoice))


def test_who_may_not_may_not(client, chat):
    client.force_login(factories.make_user(chat.organisation, role=Role.VIEWER))
    for address, body in (
        ("prices", {"text": PRICES}), ("imports", {"text": USAGE}), ("hardware", {"hardware": "H100"}),
        ("invoices", {"text": INVOICE, "number": "A", "since": "2026-11-01T00:00:00Z", "until": "2026-11-15T00:00:00Z"}),
    ):  # fmt: skip
        assert post(client, address, **body).status_code == 403, address
    assert "Take a file over" not in client.get("/cost/prices/").content.decode()


def take(client, kind, text, name="file.csv", **given):
    file = SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode())
    return client.post(f"/cost/prices/take/{kind}/", {"file": file, **given}, follow=True).content.decode()


def test_the_page_takes_files_and_says_what_is_wrong(admin, chat):
    assert "No price is known, so every cost is unknown" in admin.get("/cost/prices/").content.decode()
    assert "1 prices were taken over" in take(admin, "prices", PRICES)
    assert "1 rows of usage were taken over" in take(admin, "usage", USAGE)
    days = {"number": "2026/11", "since": "2026-11-01", "until": "2026-11-15", "service": "chat"}
    page = take(admin, "invoice", INVOICE, **days)
    assert "2026/11 charges 0.23 USD, 0.22 are ours" in page
    admin.post(
        "/api/v1/cost/hardware", json.dumps({"hardware": "H100", "service": "chat"}), content_type="application/json"
    )
    page = admin.get("/cost/prices/").content.decode()
    assert all(word in page for word in ("0.11 USD per 1,000 tokens", "H100", "2026/11", "file.csv"))
    for kind, text, given, said in (
        ("prices", "price\n1\n", {}, "Nothing was taken over: column effective_from"),
        ("usage", b"\xff\xfe", {}, "expected text in UTF-8"),
        ("usage", "{", {"name": "x.json", "service": "chat"}, "expected an OpenAI-style usage export"),
        ("invoice", INVOICE, {}, "expected the invoice&#x27;s first day"),
    ):
        assert said in take(admin, kind, text, **given), said
    assert admin.post("/cost/prices/take/gold/", {"file": SimpleUploadedFile("a", b"x")}).status_code == 404
    assert admin.get("/cost/invoices/none/").status_code == 404
    assert UsageImport.objects.count() == 1


def test_three_prices_ask_no_more_than_one(admin, chat, django_assert_max_num_queries):
    factories.make_price(chat, usd="1")
    with django_assert_max_num_queries(12) as few:
        admin.get("/cost/prices/")
    for hour in range(2):
        factories.make_price(chat, usd="1", token_class=("input", "output")[hour])
    with django_assert_max_num_queries(len(few)):
        admin.get("/cost/prices/")
