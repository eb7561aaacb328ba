"""The cases of R16, to the digit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from sloengine.cost.whatif.asked import presets, read
from sloengine.cost.whatif.curve import Curve
from sloengine.cost.whatif.outcome import SECONDS_PER_MONTH, Holds, replicas_for, total
from sloengine.cost.whatif.plan import BadPlan
from tests.sloengine.cost.whatif.worked import decimal, work_out

TIERS = "16-bit,4/7,0.11,,0.97,140\nfull,3/7,0.18,,0.98,93\n8-bit,0,0.065,,0.94,80"
BASE = {"tokens": "4000000000", "tiers": TIERS}


def outcome(**given):
    asked = read({**BASE, **given}, measured=None, curve=None)
    return work_out(asked.now, asked.change, curve=asked.curve, constraints=asked.constraints)


def test_the_baseline_costs_14_cents():
    assert outcome().before.usd_per_1k == Fraction("0.14")


@pytest.mark.parametrize(
    ("source", "price", "ratio"),
    [("full", "0.09975", "-0.2875"), ("", "0.11375", "-0.1875"), ("16-bit", "0.12425", "-0.1125")],
)
def test_35_points_to_8_bit(source, price, ratio):
    found = outcome(share="35", source=source, target="8-bit")
    assert decimal(found.after.usd_per_1k) == Decimal(price)
    assert decimal(found.change_ratio) == Decimal(ratio)
    assert total(found.steps) == found.after.usd - found.before.usd


@pytest.mark.parametrize(
    ("tokens", "commit", "usd"),
    [("12e9", "12e9", "1560000"), ("12e9", None, "2280000"), ("13e9", "12e9", "1750000"), ("6e9", "12e9", "1560000")],
    ids=["12 B committed", "12 B on demand", "a billion beyond", "half of it used"],
)
def test_commitment_against_on_demand(tokens, commit, usd):
    given = {"commit": "12000000000", "commit_rate": "0.13"} if commit else {}
    found = outcome(tokens=tokens, tiers="on demand,1,0.19", **given)
    assert decimal(found.after.usd) == Decimal(usd)


def test_10_000_usd_a_month_buy_120_to_85_ms():
    """Two replicas more at 5,000: each of six carries two thirds of what each of four did."""
    tokens = 4 * 600 * SECONDS_PER_MONTH
    found = outcome(tokens=str(tokens), replicas_now="4", replica_usd="5000", replicas="2", latency_now="120", curve="400,85\n600,120",
                    latency="100")  # fmt: skip
    assert (found.before.latency_ms, found.after.latency_ms) == (120, pytest.approx(85))
    assert decimal(found.after.usd - found.before.usd) == 10_000
    assert [(one.constraint, one.holds) for one in found.verdicts] == [("mean latency", Holds.YES)]


def test_requests_become_tokens_by_what_they_weigh():
    """Requests at full precision are three times as long: ten points of the requests are more of the tokens."""
    tiers = "16-bit,4/7,0.11,400\nfull,3/7,0.18,1200\n8-bit,0,0.065"
    found = outcome(tiers=tiers, share="10", moved="requests", source="full", target="8-bit")
    weight = Fraction(1200) * (Fraction(4, 7) / 400 + Fraction(3, 7) / 1200)
    assert found.before.usd_per_1k - found.after.usd_per_1k == Fraction(1, 10) * weight * Fraction("0.115")
    with pytest.raises(BadPlan, match="tokens per request are not known"):
        outcome(share="10", moved="requests", source="full", target="8-bit")


def test_a_share_of_a_tag_is_a_part_of_its_tokens():
    found = outcome(share="100", tag_share="35", source="full", target="8-bit")
    assert decimal(found.after.usd_per_1k) == Decimal("0.09975")


def test_every_binding_constraint_is_judged():
    found = outcome(
        share="35", source="full", target="8-bit", price="0.10", floor="0.95", allowed="16-bit, full", latency="125"
    )
    assert {one.constraint: one.holds for one in found.verdicts} == {
        "mean latency": Holds.UNKNOWN,
        "cost per 1,000 tokens": Holds.YES,
        "answer quality": Holds.NO,
        "compliance": Holds.NO,
    }
    assert found.holds is Holds.NO
    known = outcome(share="35", source="full", target="8-bit", latency_now="120", latency="115", floor="0.92")
    assert known.after.latency_ms == pytest.approx(120 + 0.35 * (80 - 93))
    assert known.holds is Holds.NO


def test_more_than_the_source_serves_is_refused():
    with pytest.raises(BadPlan, match=r"found 50 % of the tokens, expected at most the 42.9 % that full serves"):
        outcome(share="50", source="full", target="8-bit")


CURVE = Curve(((100, 60), (400, 85), (600, 120), (800, 300)))


def test_presets_of_a_fleet():
    asked = read({**BASE, "tokens": str(4 * 600 * SECONDS_PER_MONTH), "replicas_now": "4", "replica_usd": "5000",
                  "latency_now": "120"}, measured=None, curve=CURVE)  # fmt: skip
    titles = {one.title: one.query for one in presets(asked.now, curve=CURVE, budget_ms=250)}
    assert titles == {
        "Traffic doubled": "traffic=2",
        "Latency budget halved": "latency=125&replicas=0",
        "Build against buy": "own_speed=800&own_usd=5000",
    }
    assert replicas_for(asked.now, curve=CURVE, latency_ms=85) == 6
    assert replicas_for(asked.now, curve=CURVE, latency_ms=85, traffic=Fraction(2)) == 12
    assert replicas_for(asked.now, curve=CURVE, latency_ms=10) is None


def test_doubled_traffic_beyond_what_was_seen_has_no_latency():
    tokens = str(4 * 600 * SECONDS_PER_MONTH)
    found = outcome(
        tokens=tokens, replicas_now="4", latency_now="120", traffic="2", curve="400,85\n600,120\n800,300", latency="250"
    )
    assert found.after.latency_ms is None
    assert found.verdicts[0].holds is Holds.UNKNOWN
    assert "1,200 tokens a second per replica were never seen" in found.notes[0]
    assert found.after.usd == 2 * found.before.usd


def test_building_takes_the_replicas_of_the_peak():
    """1,000 tokens a second on average, 2,000 at the peak, replicas of 600 filled to seven tenths: five of them."""
    found = outcome(tokens=str(1000 * SECONDS_PER_MONTH), own_speed="600", own_usd="5000")
    assert (found.after.replicas, decimal(found.after.usd)) == (5, 25_000)
    assert total(found.steps) == found.after.usd - found.before.usd
