"""A rise that precedes a fall is told from one that does not, from chance, and from what cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest

from sloengine.detection.precedence import Verdict, precedence

STEPS, STEP = 576, 300.0


def play(*, seed=1, rise_at=None, fall_at=None, rise=0.02, deviation=0.002, resolution=0.0, more=()):
    """Two days: latency rises by 2 % for an hour, similarity falls from 0.97 to 0.85 for two hours."""
    random = np.random.default_rng(seed)
    latency = 0.025 * np.exp(random.normal(0, deviation, STEPS))
    similarity = random.normal(0.97, 0.006, STEPS)
    for at in (*more, *([rise_at] if rise_at is not None else [])):
        latency[at : at + 12] *= 1 + rise
    if fall_at is not None:
        similarity[fall_at : fall_at + 24] = random.normal(0.85, 0.01, 24)
    return precedence(latency=list(latency), similarity=list(similarity), step_seconds=STEP, resolution=resolution)


def test_two_percent_of_latency_twenty_minutes_before_a_tenth_of_similarity_precedes_it():
    found = play(rise_at=300, fall_at=304)
    assert found.verdict is Verdict.PRECEDES
    assert found.lead_seconds == pytest.approx(1200, abs=600)
    assert found.p_value == pytest.approx(0.02, abs=0.005)
    assert 0 < found.least_shift < 0.02
    assert "precedes the fall of quality" in found.sentence
    assert "cause" in found.sentence


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"rise_at": 310, "fall_at": 300}, "no rise of latency within an hour"),  # after
        ({"rise_at": 200, "fall_at": 300}, "no rise of latency within an hour"),  # long before
        ({"rise_at": 300}, "quality did not fall"),
        ({"fall_at": 300, "rise_at": 296, "more": range(20, 560, 40)}, "come as often elsewhere"),
    ],
)
def test_what_does_not_come_before_or_comes_all_the_time_is_not_shown(given, reason):
    found = play(**given)
    assert found.verdict is Verdict.NOT_SHOWN
    assert reason in found.reason


@pytest.mark.parametrize("given", [{"deviation": 0.02}, {"resolution": 0.6}])
def test_a_rise_that_noise_or_a_bucket_hides_cannot_be_told_and_the_least_visible_is(given):
    found = play(rise_at=300, fall_at=304, **given)
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.least_shift > 0.02
    assert "the least that can be seen is" in found.sentence


def test_too_little_history_cannot_tell():
    assert precedence(latency=[0.02] * 20, similarity=[0.97] * 20, step_seconds=STEP).verdict is Verdict.CANNOT_TELL


def test_falls_at_random_are_preceded_no_more_often_than_stated():
    """Rises and a fall that know nothing of each other: at most one in twenty may seem to precede (here of 40)."""
    random = np.random.default_rng(5)
    told = [
        play(seed=seed, fall_at=int(random.integers(60, 540)), more=[int(random.integers(20, 560))], rise=0.03)
        for seed in range(40)
    ]
    assert sum(one.verdict is Verdict.PRECEDES for one in told) <= 5


def test_a_rise_of_the_least_visible_size_is_seen_four_times_in_five():
    seen = [play(seed=seed, rise_at=300, fall_at=304, deviation=0.0058).verdict for seed in range(40)]
    assert play(deviation=0.0058).least_shift == pytest.approx(0.02, abs=0.003)
    judged = [one for one in seen if one is not Verdict.CANNOT_TELL]
    assert sum(one is Verdict.PRECEDES for one in judged) >= 0.6 * len(judged)
