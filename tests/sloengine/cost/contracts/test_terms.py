"""A contract's fields: read as written, refused by name with what was expected; its periods; contracts that overlap."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from sloengine.cost.contracts import terms
from sloengine.cost.contracts.terms import BadContract, Period
from tests.sloengine.cost.contracts.given import CLASSES, YEAR, known, read


def test_every_field_is_read():
    found = read(country="de", zone="Europe/Paris", services="chat", token_classes=["input", "output"], shortfall_paid="no",
                 carried_tokens=5, counted_from="2026-03-01")  # fmt: skip
    assert (found.commitment_tokens, found.cap_tokens) == (48_000_000_000, 52_800_000_000)
    assert (found.rate, found.overage_rate, found.rate_beyond) == (Decimal("0.13"), Decimal("0.15"), Decimal("0.19"))
    assert (found.country, found.services, found.token_classes) == ("DE", ("chat",), ("input", "output"))
    assert (found.shortfall_paid, found.carried_tokens, found.counted_from) == (False, 5, date(2026, 3, 1))
    assert found.begins(found.starts_on).isoformat() == "2025-12-31T23:00:00+00:00"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ends_on": ""}, "ends_on: found nothing, expected the last day of the term"),
        ({"starts_on": "", "ends_on": ""}, "starts_on: found nothing"),
        ({"ends_on": "2025-12-31"}, "expected a day on or after starts_on"),
        ({"ends_on": "2026-11-30"}, "expected a term of whole periods"),
        ({"rate": "-0.13"}, "rate: found '-0.13', expected USD per 1,000 tokens"),
        ({"rate": "0,13"}, "rate: found '0,13'"),
        ({"rate": "NaN"}, "rate: found 'NaN'"),
        ({"commitment_tokens": "-48"}, "commitment_tokens: found '-48', expected a whole number"),
        ({"commitment_tokens": "0"}, "commitment_tokens: found '0'"),
        ({"overage_cap_ratio": "-0.1"}, "overage_cap_ratio: found '-0.1'"),
        ({"overage_cap_ratio": "11"}, "overage_cap_ratio: found '11'"),
        ({"currency": "EUR"}, "currency: found EUR, expected USD"),
        ({"period": "week"}, "period: found 'week'"),
        ({"country": "XX"}, "country: found 'XX'"),
        ({"zone": "Mars/Base"}, "zone: found 'Mars/Base'"),
        ({"services": "chat, chess"}, "services: found 'chess', expected one of chat, code"),
        ({"token_classes": "thoughts"}, "token_classes: found 'thoughts', expected one of cache_read, input, output"),
        ({"owner": ""}, "owner: found nothing"),
        ({"shortfall_paid": "maybe"}, "shortfall_paid: found 'maybe'"),
        ({"carried_tokens": "5"}, "counted_from: found nothing beside carried_tokens"),
        ({"carried_tokens": "5", "counted_from": "2027-01-01"}, "counted_from: found 2027-01-01"),
        ({"discount": "5"}, "discount: found a field of this name, expected one of name"),
        ({"name": "…"}, "name: found '…'"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(given, said):
    with pytest.raises(BadContract) as problem:
        read(**given)
    assert said in str(problem.value)


def test_all_problems_are_named_at_once():
    with pytest.raises(BadContract) as problem:
        terms.read({}, services=[], classes=CLASSES)
    assert len(problem.value.problems) == len(terms.REQUIRED)


def test_periods_follow_the_first_day_of_the_term():
    quarters = terms.spans(read(starts_on="2026-02-15", ends_on="2027-02-14", period="quarter"))
    assert [span.key for span in quarters] == ["2026-02-15", "2026-05-15", "2026-08-15", "2026-11-15"]
    assert quarters[-1].last == date(2027, 2, 14)
    months = terms.spans(read(starts_on="2026-01-31", ends_on="2026-03-30", period="month"))
    assert [(span.first.isoformat(), span.last.isoformat()) for span in months] == [
        ("2026-01-31", "2026-02-27"),
        ("2026-02-28", "2026-03-30"),
    ]
    whole = terms.spans(read(ends_on="2026-06-03", period=Period.TERM))
    assert [span.days for span in whole] == [154]


def test_the_period_of_a_day():
    found = read(period="quarter")
    assert known(terms.span_at(found, date(2026, 6, 30))).key == "2026-04-01"
    assert terms.span_at(found, date(2025, 12, 31)) is None


@pytest.mark.parametrize(
    ("other", "count"),
    [
        ({}, 1),
        ({"services": "chat"}, 1),
        ({"starts_on": "2027-01-01", "ends_on": "2027-12-31"}, 0),
        ({"token_classes": "output"}, 0),
    ],
    ids=["the same", "one service of all", "the year after", "other tokens"],
)
def test_contracts_of_one_scope_may_not_overlap(other, count):
    mine = read(token_classes="input, cache_read")
    theirs = read(**{"name": "Other", "token_classes": "input", **other})
    assert len(terms.overlapping(mine, [theirs])) == count


def test_services_apart_do_not_overlap():
    assert terms.overlapping(read(services="chat"), [read(services="code")]) == []
    assert "services chat" in terms.overlapping(read(services="chat"), [read(**{**YEAR, "name": "Other"})])[0]
