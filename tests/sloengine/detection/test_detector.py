"""The test for moved signals: how often it cries without cause, how soon it cries with one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sloengine.detection import detector, record
from sloengine.detection.detector import Rules

WEEK_OF_36 = detector.run_length(charts=36, tick_seconds=30, false_alarms_per_week=1)


def rules_for(count, *, run_length, floor=1.0, share=False):
    return Rules(floor=np.full(count, floor), least=np.ones(count), share=np.full(count, share), run_length=run_length)


def learned(count, *, level=0.0, noise=1.0):
    charts = detector.new(count)
    charts.level[:], charts.noise[:] = level, noise
    return charts


def alarms(draws, *, run_length, floor=1.0):
    """Ticks seen before their first alarm, over all charts, and how many alarmed."""
    count = draws.shape[1]
    rules, charts = rules_for(count, run_length=run_length, floor=floor), learned(count)
    first = np.full(count, len(draws))
    for tick, values in enumerate(draws):
        zeros = np.zeros(count)
        charts = detector.step(charts, values=values, over=zeros, under=zeros, at=tick + 1.0, rules=rules)
        newly = (charts.stands == tick + 1.0) & (first == len(draws))
        first[newly] = tick + 1
    return int(first.sum()), int((first < len(draws)).sum())


@pytest.mark.parametrize("memory", [0.0, 0.5], ids=["independent", "autocorrelated 0.5"])
@pytest.mark.parametrize("tails", ["normal", "t5"])
def test_ticks_to_a_false_alarm_are_more_than_stated_for_noise_around_the_level(memory, tails):
    random = np.random.default_rng(7)
    shape = (300, 600)
    noise = random.normal(size=shape) if tails == "normal" else random.standard_t(5, size=shape) / math.sqrt(5 / 3)
    for tick in range(1, len(noise)):
        noise[tick] = memory * noise[tick - 1] + math.sqrt(1 - memory**2) * noise[tick]
    ticks, alarmed = alarms(noise, run_length=1000.0)
    assert ticks / max(alarmed, 1) >= 1000.0


def test_ticks_to_a_false_alarm_are_as_many_as_stated_at_the_very_edge_of_the_allowance():
    random = np.random.default_rng(3)
    draws = random.normal(loc=detector.ALLOWANCE, size=(300, 600))
    ticks, alarmed = alarms(draws, run_length=300.0)
    assert ticks / max(alarmed, 1) >= 300.0


@pytest.mark.parametrize(("noises", "at_most"), [(6.0, 2.5), (4.0, 5), (3.0, 10), (2.5, 24)])
def test_a_move_of_so_many_noises_is_found_within_so_many_ticks(noises, at_most):
    random = np.random.default_rng(11)
    ticks, alarmed = alarms(random.normal(loc=noises, size=(100, 100)), run_length=WEEK_OF_36)
    assert alarmed == 100
    assert ticks / 100 <= at_most


def test_one_odd_tick_is_no_alarm_however_odd():
    draws = np.zeros((20, 1))
    draws[10] = 1e6
    assert alarms(draws, run_length=WEEK_OF_36) == (20, 0)


def test_a_level_follows_a_slow_drift_and_an_improvement():
    slow = np.linspace(0.0, 6.0, 720)[:, None]
    assert alarms(slow, run_length=WEEK_OF_36)[1] == 0
    assert alarms(-10 * slow, run_length=WEEK_OF_36)[1] == 0


def share_steps(bad, events, *, usual=0.0, floor=0.005):
    charts, rules = learned(1, level=usual), rules_for(1, run_length=WEEK_OF_36, floor=floor, share=True)
    for tick, failed in enumerate(bad, start=1):
        over, under = np.array([float(failed)]), np.array([float(events)])
        charts = detector.step(charts, values=over / under, over=over, under=under, at=float(tick), rules=rules)
        if charts.stands[0] > 0:
            return tick
    return None


def test_a_tenth_of_the_requests_failing_is_found_at_the_second_tick_and_a_stray_error_never():
    assert share_steps([12] * 10, 120) == 2
    assert share_steps([0, 0, 1, 0, 0, 0, 2, 0, 0, 1] * 50, 120) is None


def test_of_a_service_that_always_fails_a_little_twice_as_much_is_no_sign_and_five_times_is():
    assert share_steps([4] * 200, 100, usual=0.02) is None
    assert share_steps([10] * 20, 100, usual=0.02) is not None


def test_an_alarm_stands_while_the_move_lasts_and_ends_soon_after_it():
    charts, rules = learned(1), rules_for(1, run_length=WEEK_OF_36)
    stood = []
    for tick, value in enumerate([8.0] * 20 + [0.0] * 10, start=1):
        zeros = np.zeros(1)
        charts = detector.step(charts, values=np.array([value]), over=zeros, under=zeros, at=30.0 * tick, rules=rules)
        stood.append(bool(charts.stands[0] > 0))
    assert stood.index(True) == 1
    assert all(stood[1:20])
    assert not any(stood[26:])


def test_what_was_as_high_in_the_same_hour_of_last_week_is_no_alarm():
    charts = learned(2)
    charts.stands[:], charts.value[:] = 30.0, 6.0
    newly = np.array([True, True])
    rules = rules_for(2, run_length=WEEK_OF_36)
    told = detector.usual_then(charts, newly=newly, values=np.array([5.5, np.nan]), rules=rules)
    assert told.stands.tolist() == [0.0, 30.0]
    assert told.level.tolist() == [5.5, 0.0]


def test_a_level_is_learned_from_an_hour_and_not_from_a_handful_of_ticks():
    rules = rules_for(1, run_length=WEEK_OF_36)
    values = np.random.default_rng(1).normal(3.0, 0.5, size=(120, 1))
    few = detector.learned(detector.new(1), values=values[:8], over=values[:8], under=values[:8], rules=rules)
    assert np.isnan(few.level[0])
    hour = detector.learned(detector.new(1), values=values, over=values, under=values, rules=rules)
    assert hour.level[0] == pytest.approx(3.0, abs=0.15)
    assert hour.noise[0] == pytest.approx(0.5, abs=0.12)


def test_too_few_events_are_judged_together_with_those_of_the_next_ticks():
    charts = detector.new(1)
    judged = []
    for _ in range(3):
        charts, over, under, enough = detector.gathered(
            charts, over=np.array([1.0]), under=np.array([4.0]), least=np.array([10.0])
        )
        judged.append((float(over[0]), float(under[0]), bool(enough[0])))
    assert judged == [(1.0, 4.0, False), (2.0, 8.0, False), (3.0, 12.0, True)]


def test_charts_are_the_same_after_they_were_written_and_read():
    charts = learned(2, level=1.5, noise=0.25)
    charts.stands[1], charts.begun[1] = 1_790_000_030.0, 1_790_000_000.0
    kept = record.dump(charts, [(7, "ttft"), (9, "errors")])
    back = record.load(kept, [(9, "errors"), (8, "ttft"), (7, "ttft")])
    assert back.stands.tolist() == [1_790_000_030.0, 0.0, 0.0]
    assert back.level.tolist()[::2] == [1.5, 1.5]
    assert np.isnan(back.level[1])
    assert np.isneginf(back.evidence).all()


@pytest.mark.parametrize("kept", [b"", b"something else", record.dump(detector.new(1), [(1, "ttft")])[:-3]])
def test_bytes_of_another_layout_are_as_good_as_none(kept):
    assert np.isnan(record.load(kept, [(1, "ttft")]).level[0])


def test_rules_say_how_often_all_charts_together_may_cry():
    assert WEEK_OF_36 == 725_760
    assert WEEK_OF_36 == 36 * 7 * 2880
