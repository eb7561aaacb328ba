"""A tenant's departure from its usual share, the driver of it, and what must not count as one."""

from __future__ import annotations

import math
import random

import pytest

from sloengine.cost.anomalies import Bucket, CostReason, Driver, judge, mix_shift

PRICE = 0.11


def day(hours: float = 6.0, *, seed: int = 1, spike_from: int | None = None) -> list[Bucket]:
    """A healthy tenant with a third of the tokens under a diurnal curve with noise; the whole service may spike."""
    rng = random.Random(seed)
    found = []
    for index in range(round(hours * 12)):
        curve = 1 + 0.6 * math.sin(index / 288 * 2 * math.pi)
        if spike_from is not None and index >= spike_from:
            curve *= 3
        mine, others = (share * curve * rng.uniform(0.9, 1.1) for share in (100, 200))
        found.append(Bucket(mine * 400, mine, others * 400, others))
    return found


def verdict(history, recent, *, usd=PRICE, before=None):
    return judge(history=history, recent=recent, bucket_seconds=300, usd_per_1k=usd, usd_per_1k_before=before)


def test_longer_generations_are_named():
    *history, last, latest = day()
    recent = [
        Bucket(8 * bucket.tokens, bucket.requests, bucket.others_tokens, bucket.others_requests)
        for bucket in (last, latest)
    ]
    found = verdict(history, recent)
    assert found.reason is CostReason.DEPARTED
    assert found.factor == pytest.approx(8, rel=0.2)
    assert found.driver is Driver.TOKENS_PER_REQUEST
    assert found.requests_ratio == pytest.approx(1, rel=0.2)
    assert found.usd_per_hour_now / found.usd_per_hour_before == pytest.approx(found.factor)


def test_more_requests_are_named():
    *history, last, latest = day()
    recent = [
        Bucket(5 * bucket.tokens, 5 * bucket.requests, bucket.others_tokens, bucket.others_requests)
        for bucket in (last, latest)
    ]
    found = verdict(history, recent)
    assert (found.reason, found.driver) == (CostReason.DEPARTED, Driver.REQUESTS)


@pytest.mark.parametrize("seed", range(20))
def test_the_diurnal_curve_is_usual(seed):
    buckets = day(24, seed=seed)
    for end in range(20, len(buckets), 7):
        assert not verdict(buckets[max(0, end - 72) : end - 2], buckets[end - 2 : end]).departed


@pytest.mark.parametrize("seed", range(5))
def test_a_spike_of_the_whole_service_is_not_a_tenants(seed):
    buckets = day(6, seed=seed, spike_from=60)
    assert not verdict(buckets[:60], buckets[60:62]).departed


def test_the_only_tenant_of_a_service_may_spike_in_requests_but_not_in_length():
    history = [Bucket(40_000, 100, 0, 0)] * 12
    assert not verdict(history, [Bucket(400_000, 1000, 0, 0)] * 2).departed
    longer = verdict(history, [Bucket(400_000, 100, 0, 0)] * 2)
    assert (longer.reason, longer.driver) == (CostReason.DEPARTED, Driver.TOKENS_PER_REQUEST)


@pytest.mark.parametrize(
    ("history", "recent", "reason"),
    [
        (day(), [], CostReason.NO_DATA),
        (day(), [Bucket(0, 0, 100, 1)], CostReason.STOPPED),
        (day()[:2], [Bucket(1e6, 100, 1e4, 100)], CostReason.LITTLE_HISTORY),
        ([Bucket(4, 100, 8, 200)] * 12, [Bucket(40, 100, 8, 200)] * 2, CostReason.IMMATERIAL),
        ([Bucket(400, 1, 80000, 200)] * 12, [Bucket(1200, 1, 80000, 200)] * 2, CostReason.USUAL),
    ],
    ids=["nothing recent", "used nothing", "two buckets of history", "ten times nothing", "one long answer is chance"],
)
def test_reasons(history, recent, reason):
    assert verdict(history, recent).reason is reason


def test_without_a_price_tokens_decide_what_matters():
    history = [Bucket(40_000, 100, 80_000, 200)] * 12
    found = verdict(history, [Bucket(400_000, 100, 80_000, 200)] * 2, usd=None)
    assert found.departed
    assert found.usd_per_hour_now is None


def test_a_price_change_is_told_apart():
    history = [Bucket(40_000, 100, 80_000, 200)] * 12
    found = verdict(history, [Bucket(44_000, 100, 80_000, 200)] * 2, usd=0.22, before=0.11)
    assert (found.price_ratio, found.driver) == (2.0, Driver.PRICE)


@pytest.mark.parametrize(
    ("before", "now", "shifted", "distance"),
    [
        ({"a": 500, "b": 500}, {"a": 800, "b": 200}, True, 0.3),
        ({"a": 500, "b": 500}, {"a": 1500, "b": 1500}, False, 0.0),
        ({"a": 900}, {"a": 600, "new": 300}, True, 1 / 3),
        ({"a": 5, "b": 5}, {"a": 10}, False, None),
    ],
    ids=["from half to four fifths", "three times everything", "a new tenant", "too few to say"],
)
def test_mix_shift(before, now, shifted, distance):
    found = mix_shift(before=before, now=now)
    assert found.shifted is shifted
    assert found.distance == (None if distance is None else pytest.approx(distance))
