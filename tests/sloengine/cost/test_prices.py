"""Prices are exact, effective from a date, and unknown where nobody set them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.cost.prices import PriceRow, cost_of_tokens, price_at, segments, total

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = [
    PriceRow(Decimal("0.11"), JANUARY),
    PriceRow(Decimal("0.10"), MARCH),
    PriceRow(Decimal("0.18"), JANUARY, service="code"),
    PriceRow(Decimal("0.30"), JANUARY, token_class="generated"),
    PriceRow(Decimal("2.50"), JANUARY, unit="gpu_hour"),
]


@pytest.mark.parametrize(
    ("given", "usd"),
    [
        ({"service": "chat", "at": JANUARY}, "0.11"),
        ({"service": "chat", "at": MARCH - timedelta(seconds=1)}, "0.11"),
        ({"service": "chat", "at": MARCH}, "0.10"),
        ({"service": "code", "at": MARCH}, "0.18"),
        ({"service": "chat", "at": MARCH, "token_class": "generated"}, "0.30"),
        ({"service": "chat", "at": MARCH, "unit": "gpu_hour"}, "2.50"),
    ],
    ids=[
        "on its first day",
        "a second before the new one",
        "from the new one on",
        "of the service",
        "of the class",
        "of a GPU-hour",
    ],
)
def test_price_in_force(given, usd):
    assert price_at(ROWS, **given) == Decimal(usd)


def test_before_any_price_the_cost_is_unknown():
    assert price_at(ROWS, service="chat", at=JANUARY - timedelta(days=1)) is None
    assert cost_of_tokens(tokens=1000, usd_per_1k=None) is None
    assert total([Decimal(1), None]) is None


@pytest.mark.parametrize(
    ("tokens", "per_1k", "usd"),
    [(2_400_000, "0.11", "264"), (48e9, "0.13", "6240000"), (1, "0.065", "0.000065"), (12e9, "0.19", "2280000")],
    ids=["an hour", "R15's year: 6.24 M", "one token at 8 bit", "R16's quarter on demand: 2.28 M"],
)
def test_cost_of_tokens_is_exact(tokens, per_1k, usd):
    assert cost_of_tokens(tokens=tokens, usd_per_1k=Decimal(per_1k)) == Decimal(usd)


def test_a_window_is_cut_where_a_price_takes_effect():
    parts = segments(ROWS, service="chat", start=MARCH - timedelta(days=1), end=MARCH + timedelta(days=1))
    assert [(part.start, part.end, part.usd) for part in parts] == [
        (MARCH - timedelta(days=1), MARCH, Decimal("0.11")),
        (MARCH, MARCH + timedelta(days=1), Decimal("0.10")),
    ]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20), st.decimals("0", "10", places=6))
def test_parts_add_up_to_the_whole(tokens, price):
    parts = total(cost_of_tokens(tokens=amount, usd_per_1k=price) for amount in tokens)
    assert parts == cost_of_tokens(tokens=sum(tokens), usd_per_1k=price)
