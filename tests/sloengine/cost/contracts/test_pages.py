"""Contracts and budgets as people and programs see them: pages, REST, commands, a webhook at each threshold."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.alerts.services import pull_findings
from incidents.oncall.watch import services as watch
from incidents.paging.endpoints import services as endpoints
from incidents.paging.endpoints.services import Entered
from observability.core import permissions
from observability.core.services import default_organisation
from observability.local_pager import LocalPager
from sloengine.cost.contracts import services
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.tenantbudgets.models import SpendBudget
from tests import factories, worlds
from tests.factories import NOW
from tests.sloengine.cost.contracts.given import YEAR

HOUR = timedelta(hours=1)
SMALL = {**YEAR, "commitment_tokens": "1000"}
BUDGET = {
    "name": "Acme",
    "scope": "tenant",
    "who": "acme",
    "window": "7d",
    "soft_usd": "1.00",
    "hard_usd": "2.00",
    "owner": "lea",
}


@pytest.fixture
def small(db, frozen_now):
    return worlds.small_world(now=frozen_now)


@pytest.fixture
def as_role(small):
    return small.client


@pytest.fixture
def chat(small):
    service = small.services["chat"]
    factories.make_price(service, usd="0.5", at=NOW - 400 * 24 * HOUR)
    return service


def use(service, tokens, *, hours=2):
    factories.make_usage(service, at=NOW - hours * HOUR, tenant="acme", output=tokens)


def put(service, **given):
    organisation = service.organisation
    return services.put(
        organisation=organisation, given={**SMALL, **given}, actor=permissions.system(organisation), now=NOW
    )


def test_a_contract_is_entered_mended_seen_and_called_off(chat, as_role):
    lea = as_role("leadership")
    wrong = lea.post("/cost/contracts/put/", {**SMALL, "ends_on": "", "rate": "-1"})
    assert wrong.status_code == 422
    text = wrong.content.decode()
    assert "found nothing, expected the last day of the term" in text
    assert "found &#x27;-1&#x27;, expected USD per 1,000 tokens" in text
    use(chat, 400)
    kept = lea.post("/cost/contracts/put/", SMALL, follow=True)
    text = kept.content.decode()
    assert "Acme 2026 has used 400 of 1 k tokens (40 %), with 88 % of its year gone." in text
    assert "68.4 % of the commitment" in text
    assert "paid, not used" in text
    twice = lea.post("/cost/contracts/put/", {**SMALL, "name": "Twice"})
    assert "overlaps with Acme 2026" in twice.content.decode()
    lea.post("/cost/contracts/acme-2026/call-off/")
    assert "called off" in lea.get("/cost/contracts/").content.decode()


def test_who_only_looks_is_offered_no_form_and_refused_one(chat, as_role):
    put(chat)
    viewer = as_role("viewer")
    assert 'name="commitment_tokens"' not in viewer.get("/cost/contracts/acme-2026/").content.decode()
    assert viewer.post("/cost/contracts/put/", SMALL).status_code == 403
    assert (
        viewer.put("/api/v1/contracts", {**SMALL, "shortfall_paid": True}, content_type="application/json").status_code
        == 403
    )
    assert viewer.get("/cost/contracts/nowhere/").status_code == 404


def test_a_review_is_closed_with_a_note(chat, as_role):
    use(chat, 1200)
    put(chat)
    review = CostReview.objects.get()
    lea = as_role("leadership")
    address = f"/cost/reviews/{review.pk}/"
    assert "answers until Tuesday 24 November 2026" in lea.get(address).content.decode()
    assert "expected what was decided" in lea.post(f"{address}close/", {"note": ""}, follow=True).content.decode()
    closed = lea.post(f"{address}close/", {"note": "Renewed at 60 B."}, follow=True).content.decode()
    assert "Renewed at 60 B." in closed
    assert 'name="note"' not in closed


def counted(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as context:
        assert client.get(address).status_code == 200
    return len(context)


@pytest.mark.parametrize("address", ["/cost/contracts/", "/cost/budgets/"])
def test_lists_of_three_take_as_many_statements_as_of_one(chat, as_role, address):
    client = as_role("leadership")

    def add(number):
        put(chat, name=f"Year {number}", starts_on=f"{2026 + number}-01-01", ends_on=f"{2026 + number}-12-31")
        client.post("/cost/budgets/put/", {**BUDGET, "name": f"Budget {number}"})

    add(0)
    first = counted(client, address)
    add(1)
    add(2)
    assert counted(client, address) == first


def test_rest_says_what_pages_say(chat, as_role):
    use(chat, 1150)
    lea = as_role("leadership")
    bad = lea.put("/api/v1/contracts", {**SMALL, "currency": "EUR"}, content_type="application/json")
    assert (bad.status_code, "expected USD" in bad.json()["detail"]) == (422, True)
    assert lea.put("/api/v1/contracts", SMALL, content_type="application/json").json()["slug"] == "acme-2026"
    standing = lea.get("/api/v1/contracts/acme-2026").json()
    assert (standing["tokens"], standing["usd"], standing["past_cap"]) == (1150, "0.15", True)
    assert [line["tokens"] for line in standing["lines"]] == [1000, 100, 50]
    assert standing["thresholds_reached"] == [0.8, 0.9, 0.95, 1.0]
    [review] = lea.get("/api/v1/cost-reviews").json()["items"]
    close = f"/api/v1/cost-reviews/{review['id']}/close"
    assert lea.post(close, {"note": ""}, content_type="application/json").status_code == 409
    assert lea.post(close, {"note": "Done."}, content_type="application/json").json()["note"] == "Done."
    assert lea.post("/api/v1/contracts/acme-2026/call-off").json()["ended_at"] is not None
    assert lea.get("/api/v1/contracts").json()["items"][0]["standing"]["tokens"] == 1150


def test_a_budget_is_entered_seen_told_and_removed(chat, as_role):
    use(chat, 3000)
    lea = as_role("leadership")
    assert "soft limit" in lea.post("/cost/budgets/put/", {**BUDGET, "soft_usd": "x"}).content.decode().lower()
    text = lea.post("/cost/budgets/put/", BUDGET, follow=True).content.decode()
    assert "Acme: 75 % of 2.00 USD is spent" in text
    assert "over its soft limit" in lea.get("/cost/budgets/").content.decode()
    state = lea.get("/api/v1/spend-budgets/acme").json()
    assert (state["spent_usd"], state["level"]) == ("1.50", "over its soft limit")
    assert [one.fingerprint for one in chat.organisation.findings.firing()] == ["budget/acme/soft"]
    use(chat, 1000, hours=3)
    put_again = lea.put("/api/v1/spend-budgets", BUDGET, content_type="application/json").json()
    assert put_again["standing"]["level"] == "over its hard limit"
    assert {(one.fingerprint, one.severity) for one in chat.organisation.findings.firing()} == {
        ("budget/acme/80", "info"), ("budget/acme/95", "info"), ("budget/acme/soft", "info"), ("budget/acme/hard", "ticket"),
    }  # fmt: skip
    assert (
        lea.put("/api/v1/spend-budgets", {**BUDGET, "scope": "team"}, content_type="application/json").status_code
        == 422
    )
    assert lea.delete("/api/v1/spend-budgets/acme").status_code == 204
    assert not chat.organisation.findings.firing().filter(kind="cost").exists()


def test_money_is_in_the_currency_of_the_prices(small, as_role):
    chat = small.services["chat"]
    factories.make_price(chat, usd="0.5", at=NOW - 400 * 24 * HOUR, currency="EUR")
    use(chat, 400)
    lea = as_role("leadership")
    assert "expected EUR" in lea.post("/cost/contracts/put/", SMALL).content.decode()
    assert "0.13 EUR" in lea.post("/cost/contracts/put/", {**SMALL, "currency": "EUR"}, follow=True).content.decode()
    assert "0.20 EUR of 2.00 EUR" in lea.post("/cost/budgets/put/", BUDGET, follow=True).content.decode()
    dollars = {**BUDGET, "currency": "USD"}
    assert lea.put("/api/v1/spend-budgets", dollars, content_type="application/json").status_code == 422


def test_tokens_without_a_price_are_unknown_and_not_free(small, as_role):
    use(small.services["code"], 3000)
    lea = as_role("leadership")
    text = lea.post("/cost/budgets/put/", BUDGET, follow=True).content.decode()
    assert "cost unknown" in text
    assert "3,000 tokens of the window have no price" in text


def test_each_threshold_leaves_as_a_webhook_once(chat, settings):
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    with LocalPager() as pager:
        entered = Entered(kind="webhook", name="Finance", user=None, url=pager.url)
        endpoints.add(
            organisation=chat.organisation, entered=entered, actor=permissions.system(chat.organisation), now=NOW
        )
        put(chat)
        for hours, tokens in ((3, 700), (2, 150), (1, 100)):
            use(chat, tokens, hours=hours)
            now = NOW + timedelta(minutes=30 * (4 - hours))
            for _ in range(2):
                services.check_contracts(now=now)
                pull_findings(now=now)
                watch.send_notices(now=now)
        said = [message for message in pager.messages if message["kind"] == "cost"]
    assert sorted(message["text"].split(" of the commitment")[0] for message in said) == ["80 %", "90 %", "95 %"]


@pytest.fixture
def own(db, frozen_now):
    service = factories.make_service(default_organisation(), slug="chat")
    factories.make_price(service, usd="0.5", at=NOW - 400 * 24 * HOUR)
    return service


def test_commands_keep_show_and_refuse(own, tmp_path, capsys):
    use(own, 1200)
    file = tmp_path / "contracts.yaml"
    lines = "\n".join(f"  {name}: '{value}'" for name, value in SMALL.items())
    file.write_text("-" + lines[1:], encoding="utf-8")
    call_command("cost", "contract", str(file))
    said = capsys.readouterr().out
    assert "Acme 2026 is kept as acme-2026." in said
    assert "past the cap" in said
    review = CostReview.objects.get()
    with pytest.raises(CommandError, match="--note: found nothing"):
        call_command("cost", "contract", "--close-review", str(review.pk))
    call_command("cost", "contract", "--close-review", str(review.pk), "--note", "Done.", "--json")
    assert json.loads(capsys.readouterr().out)[0]["tokens"] == 1200
    file.write_text("name: x\nrate: -1\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"contracts.yaml: rate: found '-1'"):
        call_command("cost", "contract", str(file))
    file.write_text("just words", encoding="utf-8")
    with pytest.raises(CommandError, match="expected a mapping of fields"):
        call_command("cost", "contract", str(file))
    call_command("cost", "contract", "--call-off", "acme-2026")
    assert "called off" in capsys.readouterr().out
    file.write_text("\n".join(f"{name}: '{value}'" for name, value in BUDGET.items()), encoding="utf-8")
    call_command("cost", "budgets", str(file))
    assert "0.60 USD" in capsys.readouterr().out
    call_command("cost", "budgets", "--remove", "acme")
    assert "There is no budget." in capsys.readouterr().out
    assert (Contract.objects.count(), SpendBudget.objects.count()) == (1, 0)
