"""A plan made bit by bit, as series come and go, is the plan made at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.exposition import Samples, Series, series
from sloengine.catalog.discovery import Sightings, find
from sloengine.collect.increments import Readings, advance
from sloengine.collect.slots import allocate
from sloengine.collect.totals import SlotMap, extended, missing
from sloengine.collect.wiring import Wiring

NAMES = [
    ("requests_total", {"outcome": "ok"}), ("requests_total", {"outcome": "error"}), ("kv_cache_ratio", {}), ("config_info", {}),
    ("ttft_seconds_bucket", {"le": "0.1"}), ("ttft_seconds_bucket", {"le": "0.25"}), ("ttft_seconds_bucket", {"le": "+Inf"}),
    ("ttft_seconds_sum", {}), ("ttft_seconds_count", {}), ("process_start_seconds", {}), ("target_up", {}),
]  # fmt: skip
SERIES = [
    series(f"tailwatch_{name}", service="chat", replica=replica, version=version, **labels)
    for name, labels in NAMES
    for replica, version in (("a", "1"), ("b", "1"), ("b", "2"))
]


class Source:
    """What a source remembers, as far as plans go."""

    def __init__(self) -> None:
        self.readings, self.slots = Readings(), SlotMap()
        self.wiring, self.sightings = Wiring(self.readings.register), Sightings(self.readings.register)

    def read(self, keys: list[Series], *, at: float) -> set[tuple[str, str, object]]:
        """What each series of a reading feeds, in words."""
        samples: Samples = dict.fromkeys(keys, 1.0)
        step = advance(self.readings, samples, at=at)
        self.readings = step.readings
        new = self.wiring.strangers(step.order)
        numbers, blocks = allocate(missing(new, self.slots), blocks=self.slots.blocks)
        self.slots = extended(self.slots, numbers, blocks)
        self.wiring.connect(new, self.slots.numbers)
        plan = self.wiring.plan(step.order, size=self.slots.size)
        assert self.sightings.find(step.order.numbers) == find(keys)
        name_of = {number: key for key, number in self.slots.numbers.items()}
        amounts = len(plan.amounts)
        fed: set[tuple[str, str, object]] = {
            ("amount", repr(keys[step.order.counters[place]]), name_of[slot])
            for place, slot in zip(plan.amounts, plan.slots[:amounts], strict=True)
        }
        gauges = np.tile(plan.gauges, 3)
        for place, slot in zip(gauges, plan.slots[amounts : amounts + len(gauges)], strict=True):
            fed.add(("gauge", repr(keys[place]), name_of[slot]))
        fed |= {("tick", "", name_of[slot]) for slot in plan.slots[amounts + len(gauges) :]}
        assert {name_of[slot] for slot in np.flatnonzero(plan.fed).tolist()} == {slot for _, _, slot in fed}
        return fed


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from(SERIES), unique=True), min_size=1, max_size=6))
def test_series_that_come_and_go_feed_what_they_would_have_fed_at_once(history: list[list[Series]]) -> None:
    source = Source()
    for number, keys in enumerate(history):
        assert source.read(keys, at=30.0 * number) == Source().read(keys, at=0.0)


def test_a_reading_with_a_few_new_series_asks_about_those_alone() -> None:
    source = Source()
    source.read(SERIES[3:], at=0.0)
    step = advance(source.readings, dict.fromkeys(SERIES, 1.0), at=30.0)
    assert set(source.wiring.strangers(step.order)) == set(SERIES[:3])


def test_a_sum_that_was_away_while_its_histogram_got_bounds_belongs_to_it_when_it_is_back() -> None:
    total = series("tailwatch_ttft_seconds_sum", service="chat", replica="a", version="1")
    bucket = series("tailwatch_ttft_seconds_bucket", service="chat", replica="a", version="1", le="0.1")
    source = Source()
    source.read([total], at=0.0)
    source.read([bucket], at=30.0)
    assert source.read([bucket, total], at=60.0) == Source().read([bucket, total], at=0.0)
