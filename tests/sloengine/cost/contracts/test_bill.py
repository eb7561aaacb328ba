"""The figures of R15 and R16, to the cent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.cost.contracts.bill import bill, break_even_ratio, cents
from tests.sloengine.cost.contracts.given import known, read

B = 1_000_000_000
YEAR = read()


@pytest.mark.parametrize(
    ("tokens", "usd", "rate"),
    [
        (48 * B, "6240000.00", "0.13"),
        (52_800_000_000, "6960000.00", "0.131818"),
        (60 * B, "8328000.00", "0.1388"),
        (32_842_105_263, "6240000.00", "0.19"),
        (24 * B, "6240000.00", "0.26"),
        (48 * B + 1, "6240000.00", "0.13"),
        (48 * B + 1000, "6240000.15", "0.13"),
        (0, "6240000.00", None),
    ],
)
def test_a_year_of_the_contract(tokens, usd, rate):
    found = bill(YEAR, tokens=tokens)
    assert cents(found.usd) == Decimal(usd)
    assert found.effective_rate is None if rate is None else round(known(found.effective_rate), 6) == Decimal(rate)


def test_the_lines_of_a_year_beyond_the_cap():
    found = [(line.what, line.tokens, cents(line.usd)) for line in bill(YEAR, tokens=60 * B).lines]
    assert found == [
        ("committed", 48 * B, Decimal("6240000.00")),
        ("overage", 4_800_000_000, Decimal("720000.00")),
        ("beyond the cap", 7_200_000_000, Decimal("1368000.00")),
    ]


def test_the_shortfall_is_a_line_of_its_own_and_only_where_it_is_paid():
    half = bill(YEAR, tokens=24 * B)
    assert known(half.of("paid, not used")).usd == Decimal("3120000")
    free = bill(read(shortfall_paid="false"), tokens=24 * B)
    assert (free.of("paid, not used"), free.usd) == (None, Decimal("3120000"))


def test_a_quarter_on_demand_and_committed():
    quarter = bill(read(period="quarter", commitment_tokens=12 * B), tokens=12 * B)
    assert (cents(quarter.on_demand_usd), cents(quarter.usd)) == (Decimal("2280000.00"), Decimal("1560000.00"))
    assert cents(quarter.saved_usd) == Decimal("720000.00")


def test_a_day_of_the_commitment():
    per_day = Decimal(48 * B) / 365
    assert round(per_day / 10**6, 1) == Decimal("131.5")
    assert round(per_day * YEAR.rate / 1000) == 17_096


def test_break_even_is_at_68_4_percent():
    assert round(known(break_even_ratio(YEAR)) * 100, 1) == Decimal("68.4")
    at = int(known(break_even_ratio(YEAR)) * YEAR.commitment_tokens)
    assert bill(YEAR, tokens=at).saved_usd < 0 < bill(YEAR, tokens=at + 1).saved_usd
    assert break_even_ratio(read(shortfall_paid="no")) is None
    assert break_even_ratio(read(rate_beyond="0.13")) is None


def test_used_tokens_below_zero_are_refused():
    with pytest.raises(ValueError, match="expected 0 or more"):
        bill(YEAR, tokens=-1)


@given(st.integers(0, 80 * B))
@settings(max_examples=60)
def test_lines_hold_each_token_once_and_a_bill_never_falls_with_use(tokens):
    found = bill(YEAR, tokens=tokens)
    assert sum(line.tokens for line in found.lines if line.what != "paid, not used") == tokens
    assert bill(YEAR, tokens=tokens + 1000).usd >= found.usd >= Decimal(6_240_000)
