"""A back-test says what live evaluation would have said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sloengine.backtests import queries
from sloengine.backtests.counted import Past
from sloengine.backtests.history import History
from sloengine.backtests.replay import Outcome, replay
from sloengine.backtests.track import Track, Vector, judged
from sloengine.backtests.whatif import backtest, parse_targets, parse_windows, rows
from sloengine.budgets.models import Finding
from sloengine.objectives.models import Objective
from sloengine.objectives.objective import Indicator, Method
from sloengine.objectives.objective import Objective as Promise
from sloengine.sources.base import Reading
from tests import factories, servers
from tests.conftest import NOW
from tests.sloengine.budgets.world import START, World
from tests.sloengine.histories import blocks
from tests.sloengine.readings import Replica, together

AVAILABILITY = Promise(
    service="chat",
    slug="availability",
    title="Requests answered",
    indicator=Indicator.AVAILABILITY,
    method=Method.OCCURRENCES,
    target=Decimal("0.995"),
    window=timedelta(days=30),
)


def track(good: Any, total: Any, *, step: int = 60) -> Track:
    """Counts of each step, in order; a total of -1 is a step without data."""
    counted = np.maximum(np.array([0, *total], float), 0)
    at: Vector = NOW.timestamp() + step * np.arange(len(counted), dtype=np.float64)
    seen = np.cumsum(np.array([1, *(one >= 0 for one in total)], float))
    return Track(at, np.cumsum(np.array([0, *good], float)), np.cumsum(counted), seen)


#: Three days of 1,000 good requests a minute before anything happens: every window is whole.
CALM = [1000] * 4320
AFTER = NOW + timedelta(days=3)


def played(good: Any, total: Any, promise: Promise = AVAILABILITY) -> Outcome:
    return replay(past=Past(promise, track(CALM + good, CALM + total)), start=AFTER)


def test_a_calm_history_raises_nothing_and_spends_what_it_spends() -> None:
    outcome = played([999] * 480, [1000] * 480)
    assert outcome.alerts == ()
    assert outcome.budget.spent_ratio == pytest.approx(0.2 / 10)


def test_ten_bad_minutes_are_one_page_that_clears_five_minutes_after_its_short_window_is_clean() -> None:
    bad = [0] * 10
    outcome = played([1000] * 120 + bad + [1000] * 120, [1000] * 250)
    (alert,) = outcome.alerts
    assert (alert.tier, alert.severity) == ("fast", "page")
    assert alert.impact_start == AFTER + timedelta(minutes=120)
    # 14.4 x 0.005 = 7.2 % of an hour is 4.32 bad minutes: the 5th bad one fires.
    assert alert.since == AFTER + timedelta(minutes=125)
    assert alert.cleared_at is not None
    assert alert.bad == 10_000


def test_a_slow_drip_is_a_ticket() -> None:
    outcome = played([992] * 4000, [1000] * 4000)
    assert {alert.severity for alert in outcome.alerts} == {"ticket"}


def test_slices_that_count_by_their_own_ratio_weigh_alike_whatever_their_traffic() -> None:
    """As live: of one minute with 2 requests, both bad, and one with 998 good ones, half is bad; of 1,000 requests it is 0.2 %."""
    promise = replace(AVAILABILITY, method=Method.RATIO_TIMESLICES)
    found = judged(track([0, 998, 3], [2, 998, 4]), promise)
    assert (found.good[-1], found.total[-1]) == (1.75, 3)
    plain = judged(track([0, 998, 3], [2, 998, 4]), AVAILABILITY)
    assert (plain.good[-1], plain.total[-1]) == (1001, 1004)
    budget = played([900] * 60, [1000] * 60, promise).budget
    assert budget.bad == pytest.approx(6)
    assert budget.total == 4380
    assert budget.allowed == pytest.approx(0.005 * 43200), "its window has as many slices as minutes"


def test_no_data_neither_fires_nor_clears() -> None:
    good, total = [1000] * 120 + [0] * 8 + [-1] * 60, [1000] * 128 + [-1] * 60
    outcome = played([max(one, 0) for one in good], total)
    assert [alert.cleared_at for alert in outcome.alerts] == [None]


def test_what_if_tries_every_target_with_every_window() -> None:
    test = backtest(
        past=Past(AVAILABILITY, track(CALM + [900] * 30 + [1000] * 60, CALM + [1000] * 90)),
        start=NOW,
        targets=parse_targets("0.99,99.9%"),
        windows=parse_windows("7d,30d"),
    )
    assert [(str(one.promise.target), one.promise.window.days) for one in test.alternatives] == [
        ("0.99", 7), ("0.999", 7), ("0.99", 30), ("0.999", 30),
    ]  # fmt: skip
    assert [one.pages for one in test.alternatives] == [1, 1, 0, 1]
    assert rows([test])[1][:4] == ("chat/availability", "99.5 %", "30 d", "0")


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_targets, "1.5"), (parse_targets, "x"), (parse_windows, "7"), (parse_windows, "0d")]
)
def test_what_cannot_be_a_target_or_a_window_is_said(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


@pytest.mark.heavy
@pytest.mark.django_db
def test_the_same_history_live_and_replayed_raises_the_same_alerts_at_the_same_ticks() -> None:
    world = World()
    world.apply_library()
    for minutes, traffic in (
        (7, {"good": 100}), (6, {"good": 50, "slow": 50}), (11, {"good": 100}), (3, {"good": 90, "failed": 30}), (2, {}),
        (5, {"good": 97, "slow": 3}), (4, {"good": 30, "slow": 70}), (12, {"good": 100}),
    ):  # fmt: skip
        world.minutes(minutes, **traffic)
    rows_ = (
        Objective.objects.filter(organisation=world.organisation).exclude(indicator="quality").select_related("service")
    )
    promises = [row.as_objective() for row in rows_]
    tracks = queries.recorded(
        organisation=world.organisation, promises=promises, start=START - timedelta(days=1), now=world.now
    )
    live = {
        (row.fingerprint, row.since, row.cleared_at)
        for row in Finding.objects.filter(organisation=world.organisation, kind="burn")
    }
    told = {
        (f"burn/{promise.key}/{alert.tier}", alert.since, alert.cleared_at)
        for promise in promises
        for alert in replay(past=Past(promise, tracks[promise.key]), start=START - timedelta(days=1)).alerts
    }
    assert told == live
    assert len(live) >= 5
    assert any(cleared is not None for _, _, cleared in live)


def readings() -> list[Reading]:
    """An hour and a half at 60 s: growth, errors, a restart, a birth and a gap of one replica."""
    one, two = Replica("chat-0"), Replica("chat-1")
    one.restart(NOW.timestamp() - 3600)
    two.restart(NOW.timestamp() - 3600)
    found = []
    for number in range(91):
        at = NOW + number * timedelta(minutes=1)
        one.serve(50, seconds=0.07)
        two.serve(50, seconds=0.4 if 40 <= number < 52 else 0.07)
        if 40 <= number < 52:
            one.serve(20, outcome="error")
        if number == 45:
            two.restart(at.timestamp() - 9)
            two.serve(0)  # an engine shows every series from its first page on
            two.serve(5, outcome="error")
        found.append(Reading(at, together(*([one] if 60 <= number < 63 else [one, two]))))
    return found


@pytest.mark.heavy
@pytest.mark.django_db
def test_a_prometheus_tells_the_past_that_was_recorded(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    told = readings()
    server = prometheus_server("global: {}\n", blocks=blocks(told, tmp_path / "history"))
    source = factories.make_source(factories.make_organisation(), kind="prometheus", url=server.url)
    ttft = replace(AVAILABILITY, slug="ttft", indicator=Indicator.TTFT, threshold=0.3)
    seen: list[tuple[int, int]] = []
    tracks = queries.asked(
        sources=[source],
        promises=[AVAILABILITY, ttft],
        start=NOW,
        end=NOW + timedelta(minutes=90),
        step=timedelta(minutes=1),
        progress=lambda done, whole: seen.append((done, whole)),
    )
    history = History([AVAILABILITY, ttft])
    for reading in told:
        history.add(reading.at, reading.samples)
    for promise in (AVAILABILITY, ttft):
        expected = history.track(promise)
        np.testing.assert_allclose(tracks[promise.key].numerator, expected.numerator)
        np.testing.assert_allclose(tracks[promise.key].denominator, expected.denominator)
        alerts = replay(past=Past(promise, tracks[promise.key]), start=NOW).alerts
        assert alerts == replay(past=Past(promise, expected), start=NOW).alerts
        assert "page" in {alert.severity for alert in alerts}
    assert replay(past=Past(ttft, tracks[ttft.key]), start=NOW).notices == (
        "Judged at 0.25 s: the engine has no 0.3 s bound.",
    )
    assert seen[-1] == (91, 91)
