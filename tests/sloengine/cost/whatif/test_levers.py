"""Caches, prompts, curves, addresses and the playbook."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from sloengine.cost.whatif.asked import FIELDS, read, tiers_said
from sloengine.cost.whatif.curve import Curve, measured
from sloengine.cost.whatif.outcome import Holds, total
from sloengine.cost.whatif.picture import bars
from sloengine.cost.whatif.plan import BadPlan, Change, Constraints, Fleet, Now, Prompts, Tier
from sloengine.cost.whatif.playbook import Confidence, Kind, Waste, playbook
from tests.sloengine.cost.contracts.given import known
from tests.sloengine.cost.whatif.worked import decimal, together, work_out

#: A million tokens, three quarters of them prompt: 0.75 at 0.02 missed, 0.002 held by the cache (a third); 0.25 at 0.06 generated.
PROMPTS = Prompts(Fraction(3, 4), Fraction(1, 3), Fraction("0.02"), Fraction("0.002"), Fraction(1, 5))
RATE = Fraction(1, 2) * Fraction("0.02") + Fraction(1, 4) * Fraction("0.002") + Fraction(1, 4) * Fraction("0.06")
NOW = Now(Fraction(10**6), (Tier("16-bit", Fraction(1), RATE),), PROMPTS, Fleet(4, Fraction(5000)), 100.0)


def test_more_cache_hits_save_the_difference_of_two_prices():
    found = work_out(NOW, Change(cache_gain=Fraction(1, 3)), curve=None)
    assert decimal(found.before.usd - found.after.usd) == Decimal("4.5")  # 250,000 tokens at 0.018 per 1,000 less
    assert found.after.latency_ms == pytest.approx(100 * (1 - 0.2 * 0.5))


def test_fewer_prompt_tokens_save_what_prompts_cost_and_no_more():
    found = work_out(NOW, Change(prompt_cut=Fraction(1, 5)), curve=Curve(((0.01, 100.0), (1.0, 100.0))))
    mean = Fraction("0.02") * Fraction(2, 3) + Fraction("0.002") * Fraction(1, 3)
    assert found.before.usd - found.after.usd == 150 * mean
    assert found.after.tokens == 850_000
    assert found.after.latency_ms == pytest.approx(96)
    everything = work_out(NOW, Change(prompt_cut=Fraction(1)), curve=None)
    assert decimal(everything.after.usd) == 15  # the generated quarter is left


def test_without_prices_by_class_a_hit_saves_time_alone_and_says_so():
    bare = replace(NOW, prompts=replace(PROMPTS, cached_usd=None))
    found = work_out(bare, Change(cache_gain=Fraction(1, 3)), curve=None)
    assert found.after.usd == found.before.usd
    assert "nothing on the bill" in found.notes[0]


def test_steps_add_up_to_the_difference():
    change = Change(traffic=Fraction(2), cache_gain=Fraction(1, 10), prompt_cut=Fraction(1, 10), replicas=3)
    found = work_out(NOW, change, curve=None)
    assert [one.what for one in found.steps] == ["traffic", "shorter prompts", "cache hits", "+3 replicas"]
    assert total(found.steps) == found.after.usd - found.before.usd


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(traffic=Fraction(0)), "traffic: found 0"),
        (Change(cache_gain=Fraction(9, 10)), "cache_gain: found 0.9 beside a hit ratio of 0.333333"),
        (Change(replicas=-4), "replicas: found -4 beside 4, expected at least one"),
        (Change(move=Fraction(1, 10), target="8-bit"), "tier: found '8-bit', expected one of 16-bit"),
        (Change(prompt_cut=Fraction(2)), "prompt_cut: found 2"),
    ],
)
def test_what_cannot_be_is_refused(change, said):
    with pytest.raises(BadPlan) as problem:
        work_out(NOW, change, curve=None)
    assert said in str(problem.value)


def test_an_unknown_price_makes_an_unknown_cost():
    found = work_out(replace(NOW, tiers=(Tier("16-bit", Fraction(1), None),)), Change(traffic=Fraction(2)), curve=None)
    assert (found.before.usd, found.after.usd, found.change_ratio) == (None, None, None)


def test_a_measured_curve_rises_and_says_nothing_beyond_what_was_seen():
    noise = [1.0, -2.0, 1.5, -1.0, 2.0, -0.5] * 4
    points = [(100.0 + 20 * number, 60 + 2 * number + noise[number]) for number in range(24)]
    found = known(measured(points))
    latencies = [latency for _, latency in found.points]
    assert latencies == sorted(latencies)
    assert found.at(50) == latencies[0]
    assert found.at(2000) is None
    assert found.load_within(known(found.at(300))) == pytest.approx(300, rel=0.05)
    assert measured(points[:11]) is None
    assert measured([(100.0, 60.0)] * 20) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": "120", "target": "8-bit"}, "share: found '120', expected points from 0 to 100"),
        ({"share": "-3", "target": "8-bit"}, "share: found '-3'"),
        ({"share": "35"}, "target: found 'nothing'"),
        ({"traffic": "0"}, "traffic: found '0'"),
        ({"traffic": "lots"}, "traffic: found 'lots'"),
        ({"replicas": "1.5"}, "replicas: found '1.5'"),
        ({"commit": "1000"}, "commit_rate: found 'nothing'"),
        ({"floor": "97"}, "floor: found '97'"),
        ({"tiers": "a,0.5,0.1\nb,0.6,0.1"}, "add up to 1.100, expected 1"),
        ({"tiers": "a,1/0,0.1"}, "tiers: found 'a,1/0,0.1'"),
        ({"tiers": "a,1,-0.1"}, "tiers: found 'a,1,-0.1'"),
        ({"tiers": "a,0.5,0.1\na,0.5,0.1"}, "a name twice"),
        ({"curve": "600,120\n400,85"}, "curve: found '400,85'"),
        ({"moved": "bytes"}, "moved: found 'bytes'"),
    ],
)
def test_an_address_that_does_not_fit_is_named(given, said):
    with pytest.raises(BadPlan) as problem:
        read(given, measured=NOW, curve=None)
    assert said in str(problem.value)


def test_without_anything_measured_the_tiers_are_asked_for():
    with pytest.raises(BadPlan, match="nothing measured yet"):
        read({}, measured=None, curve=None)


def test_what_is_shown_in_the_form_is_read_back_the_same():
    tiers = (
        Tier("16-bit", Fraction(4, 7), Fraction("0.11"), Fraction(900), 0.97, 120.0),
        Tier("full", Fraction(3, 7), None),
    )
    asked = read({"tiers": tiers_said(tiers)}, measured=NOW, curve=None)
    assert asked.now.tiers == tiers
    assert set(asked.text) == set(FIELDS)


TIERS = (
    Tier("16-bit", Fraction(4, 7), Fraction("0.11"), quality=0.97),
    Tier("full", Fraction(3, 7), Fraction("0.18"), quality=0.98),
    Tier("8-bit", Fraction(0), Fraction("0.065"), quality=0.90),
)


def test_the_playbook_is_waste_then_routing_then_precision():
    now = replace(NOW, tiers=TIERS, tokens=Fraction(10**9))
    found = playbook(now, curve=None, constraints=Constraints(floor=0.92), waste=Waste(Fraction(1, 50)))
    assert [one.kind for one in found] == sorted(one.kind for one in found)
    assert {one.kind for one in found} == set(Kind)
    first = found[0]
    assert first.title == "End work that nobody gets"
    assert decimal(first.saved_usd) == 2800
    routed = next(one for one in found if one.kind is Kind.ROUTING)
    assert (routed.title, routed.confidence, routed.holds) == (
        "Route a quarter of full to 16-bit",
        Confidence.HIGH,
        Holds.YES,
    )
    assert "similarity at least 0.92" in routed.gate
    broken = [one.title for one in found if one.holds is Holds.NO]
    assert broken == ["Route all of full to 8-bit"]
    for one in found:
        if one.query:
            read(dict(pair.split("=") for pair in one.query.replace("+", " ").split("&")), measured=now, curve=None)


def test_the_playbook_together_leaves_out_what_breaks_a_constraint():
    now = replace(NOW, tiers=TIERS, tokens=Fraction(10**9))
    plays = playbook(now, curve=None, constraints=Constraints(floor=0.92))
    whole = together(now, plays, curve=None, constraints=Constraints(floor=0.92))
    assert whole.after.usd < whole.before.usd
    assert whole.holds is Holds.YES
    assert together(now, [], curve=None, constraints=Constraints()) is None


def test_spare_replicas_are_found_where_the_latency_budget_allows():
    now = replace(NOW, tokens=Fraction(4 * 300 * 2_592_000))
    curve = Curve(((100.0, 80.0), (300.0, 100.0), (600.0, 200.0)))
    found = playbook(now, curve=curve, constraints=Constraints(latency_ms=200))
    spare = next(one for one in found if "replicas" in one.title)
    assert spare.title == "Take 2 of 4 replicas away"
    assert decimal(spare.saved_usd) == 10_000


def test_bars_say_what_they_show():
    assert "today 0.14 USD, with it 0.0998 USD." in bars(Fraction("0.14"), Fraction("0.09975"), unit="USD")
    assert "not known" in bars(None, None, unit="USD")
