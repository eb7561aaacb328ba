"""One hour from several sources: every tenant keeps its exact sum, and hardware is given out whole."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.cost.ledger.apportioning import apportion, rounded, to_cents
from sloengine.cost.ledger.joining import Asked, Served, joined
from sloengine.cost.ledger.meters import Slice

EIGHT = Slice(model="m", variant="8-bit", region="eu")
FULL = Slice(model="m", variant="full", region="eu")


def who(tenant, model="m", region="eu"):
    return Slice(model=model, region=region, tenant=tenant)


def test_a_tenants_tokens_are_split_as_the_engines_were_used():
    usage = joined(
        tenants={who("acme"): Asked(tokens=1000, ok=9, failed=1)},
        engines={EIGHT: Served(input=300, output=100)},
    )
    ((one, amounts),) = usage.items()
    assert (one.tenant, one.variant) == ("acme", "8-bit")
    assert (amounts.input, amounts.output, amounts.requests_ok, amounts.requests_failed) == (750, 250, 9, 1)


def test_tags_follow_what_clients_counted_of_that_tenant():
    usage = joined(
        tenants={who("acme"): Asked(tokens=100, ok=10), who("globex"): Asked(tokens=50, ok=5)},
        engines={EIGHT: Served(output=150)},
        tags={"acme": {"live": 3, "batch": 1}},
    )
    assert {(one.tenant, one.tag): amounts.output for one, amounts in usage.items()} == {
        ("acme", "live"): 75,
        ("acme", "batch"): 25,
        ("globex", ""): 50,
    }


def test_without_a_gateway_the_engines_tokens_are_nobodys():
    usage = joined(tenants={}, engines={EIGHT: Served(input=5, output=7, ok=2)})
    assert {one.tenant: (amounts.input, amounts.output, amounts.requests_ok) for one, amounts in usage.items()} == {
        "": (5, 7, 2)
    }


def test_without_an_engine_the_class_is_not_known():
    usage = joined(tenants={who("acme"): Asked(tokens=12, ok=1)}, engines={})
    assert [(one.tenant, amounts.unsplit) for one, amounts in usage.items()] == [("acme", 12)]


def test_a_gateway_that_counts_no_tokens_shares_them_by_requests():
    usage = joined(
        tenants={who("acme"): Asked(ok=3), who("globex"): Asked(ok=1)}, engines={EIGHT: Served(input=60, output=40)}
    )
    assert {one.tenant: sum(amounts.tokens.values()) for one, amounts in usage.items()} == {"acme": 75, "globex": 25}


def test_a_model_that_no_engine_names_is_served_by_those_of_its_region():
    usage = joined(tenants={who("acme", model="alias"): Asked(tokens=10)}, engines={EIGHT: Served(output=1)})
    assert [(one.model, one.variant) for one in usage] == [("m", "8-bit")]


def test_hardware_goes_to_its_users_and_idle_hardware_of_an_unused_variant_to_nobody():
    usage = joined(
        tenants={who("acme"): Asked(tokens=30), who("globex"): Asked(tokens=10)},
        engines={EIGHT: Served(output=40, busy_ms=1000, idle_ms=101), FULL: Served(idle_ms=3_600_000)},
    )
    times = {(one.tenant, one.variant): (amounts.busy_ms, amounts.idle_ms) for one, amounts in usage.items()}
    assert times == {("acme", "8-bit"): (750, 76), ("globex", "8-bit"): (250, 25), ("", "full"): (0, 3_600_000)}


NAMES = st.sampled_from(["acme", "globex", "initech"])
SERVED = st.builds(
    Served, input=st.integers(0, 999), cache_read=st.integers(0, 99), output=st.integers(0, 999),
    busy_ms=st.integers(0, 10**7), idle_ms=st.integers(0, 10**7),
)  # fmt: skip
ASKED = st.builds(Asked, tokens=st.integers(0, 10**6), ok=st.integers(0, 99), failed=st.integers(0, 9))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(NAMES.map(who), ASKED),
    st.dictionaries(st.sampled_from([EIGHT, FULL]), SERVED),
    st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["live", "batch"]), st.integers(0, 50))),
)
def test_nothing_is_lost_and_nothing_made_up(tenants, engines, tags):
    usage = joined(tenants=tenants, engines=engines, tags=tags)
    served = sum(one.tokens for one in engines.values())
    if any(one.tokens for one in tenants.values()):
        for one, asked in tenants.items():
            mine = [amounts for slice_, amounts in usage.items() if slice_.tenant == one.tenant]
            assert sum(sum(amounts.tokens.values()) for amounts in mine) == asked.tokens
            assert sum(amounts.requests_ok for amounts in mine) == asked.ok
            assert sum(amounts.requests_failed for amounts in mine) == asked.failed
    else:
        assert sum(sum(amounts.tokens.values()) for amounts in usage.values()) == served
    assert sum(amounts.busy_ms for amounts in usage.values()) == sum(one.busy_ms for one in engines.values())
    assert sum(amounts.idle_ms for amounts in usage.values()) == sum(one.idle_ms for one in engines.values())


@pytest.mark.parametrize(
    ("whole", "weights", "parts"),
    [(100, [1, 1, 1], [34, 33, 33]), (0, [3, 1], [0, 0]), (7, [0, 0], [7, 0]), (5, [], []), (10, [2, 3, 5], [2, 3, 5])],
)
def test_the_largest_remainder_takes_what_is_left(whole, weights, parts):
    assert apportion(whole, weights) == parts


def test_three_thirds_of_a_dollar():
    third = Decimal(1) / 3
    assert list(to_cents(dict.fromkeys("abc", third), whole=Decimal("1.00")).values()) == [
        Decimal("0.34"), Decimal("0.33"), Decimal("0.33"),
    ]  # fmt: skip


MONEY = st.decimals(min_value=-(10**6), max_value=10**6, places=9, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 4)), MONEY, min_size=1))
def test_cents_reconcile_at_every_level(amounts):
    """Total, services, tenants of a service, days of a tenant: each level's rounded rows add up to the row above."""
    whole = rounded(sum(amounts.values()))
    by_service = to_cents(summed(amounts, 1))
    assert sum(by_service.values()) == whole
    for service, cents in by_service.items():
        mine = {key: value for key, value in amounts.items() if key[:1] == service}
        by_tenant = to_cents(summed(mine, 2), whole=cents)
        assert sum(by_tenant.values()) == cents
        for tenant, lower in by_tenant.items():
            assert sum(to_cents({k: v for k, v in mine.items() if k[:2] == tenant}, whole=lower).values()) == lower
    flat = to_cents(amounts)
    assert sum(flat.values()) == whole
    assert all(abs(flat[key] - amounts[key]) < Decimal("0.01") for key in amounts)


def summed(amounts, depth):
    found: dict = {}
    for key, value in amounts.items():
        found[key[:depth]] = found.get(key[:depth], Decimal(0)) + value
    return found
