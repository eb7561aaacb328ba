"""What-if as people and programs see it: one address, judged; measured where something was, typed in where nothing was."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command

from observability.core.services import default_organisation
from tests import factories, worlds
from tests.factories import NOW

HOUR = timedelta(hours=1)
TIERS = "16-bit,4/7,0.11,,0.97\nfull,3/7,0.18,,0.98\n8-bit,0,0.065,,0.90"
CASE = {"tokens": "4e9", "tiers": TIERS, "share": "35", "source": "full", "target": "8-bit", "floor": "0.92"}


@pytest.fixture
def small(db, frozen_now):
    return worlds.small_world(now=frozen_now)


def use(service):
    """A day of two variants at two prices by class; a tenth of the requests failed."""
    for token_class, usd in (("input", "0.02"), ("cache_read", "0.002"), ("output", "0.06")):
        factories.make_price(service, usd=usd, at=NOW - 60 * 24 * HOUR, token_class=token_class)
    for hour in range(1, 25):
        factories.make_usage(service, at=NOW - hour * HOUR, variant="v2", tenant="acme", tag="live",
                             requests_ok=900, requests_failed=100, input=400_000, cache_read=100_000, output=250_000)  # fmt: skip
        factories.make_usage(service, at=NOW - hour * HOUR, variant="v1", requests_ok=1000, output=250_000)


def page(client, **given):
    return client.get(f"/cost/what-if/?{urlencode(given)}")


def test_the_case_of_the_page_is_that_of_the_test(small):
    answer = page(small.client("viewer"), **CASE)
    text = answer.content.decode()
    assert "A thousand tokens would cost 0.09975 USD instead of 0.14 (-28.75 %), and a constraint breaks" in text
    assert "at least 0.92" in text
    assert "-161,000.00 USD" in text
    assert 'value="35"' in text


def test_what_was_measured_is_the_start(small):
    use(small.services["chat"])
    text = page(small.client("viewer"), cache="10").content.decode()
    assert "10 points" in text
    rest = small.client("viewer").get("/api/v1/cost/what-if?cache=10").json()
    assert rest["service"] == "chat"
    assert float(rest["before"]["usd_per_1k"]) == pytest.approx(0.0382)  # 38.2 of 1,000 in an hour
    assert float(rest["after"]["usd_per_1k"]) == pytest.approx(0.0382 - 0.5 * 0.1 * 0.018)
    assert rest["before"]["tokens_per_month"] == pytest.approx(720e6)
    assert [play["title"] for play in rest["playbook"]][:2] == [
        "End work that nobody gets",
        "Let the prefix cache hold 10 points more",
    ]


def test_without_anything_measured_the_page_asks(small):
    answer = page(small.client("viewer"))
    assert answer.status_code == 422
    assert "nothing measured yet, expected tokens a month" in answer.content.decode()


def test_bad_input_is_named_and_nothing_is_worked_out(small):
    client = small.client("viewer")
    answer = page(client, **{**CASE, "share": "135"})
    assert answer.status_code == 422
    assert "share: found &#x27;135&#x27;, expected points from 0 to 100" in answer.content.decode()
    assert (
        "share: found '135'"
        in client.get(f"/api/v1/cost/what-if?{urlencode({**CASE, 'share': '135'})}").json()["detail"]
    )


def test_the_command_says_the_same(db, frozen_now, capsys):
    factories.make_service(default_organisation(), slug="chat")
    inputs = [f"{name}={value}".replace("\n", "\\n") for name, value in CASE.items()]
    call_command("cost", "what-if", *inputs)
    said = capsys.readouterr().out
    assert "would cost 0.09975 USD instead of 0.14 (-28.75 %)" in said
    assert "answer quality: 0.900 on 8-bit, asked at least 0.92: broken" in said
    call_command("cost", "what-if", *inputs, "--json")
    assert json.loads(capsys.readouterr().out)["change_ratio"] == "-0.2875"
    with pytest.raises(CommandError, match="found 'colour=red', expected NAME=VALUE"):
        call_command("cost", "what-if", "colour=red")
    with pytest.raises(CommandError, match="nothing measured yet"):
        call_command("cost", "what-if")
