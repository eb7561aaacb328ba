"""Which slots a series feeds, and what a tick says about them."""

from __future__ import annotations

import numpy as np
import pytest

from probes.exposition import Samples, Series, series
from sloengine.collect.increments import Readings, advance
from sloengine.collect.slots import BLOCK_SIZE, Part, Scope, SlotKey, allocate, family_and_part, feeds
from sloengine.collect.totals import SlotMap, State, add, extended, missing
from sloengine.collect.wiring import Wiring

MINE = {"service": "chat", "model": "m", "version": "1", "region": "eu", "replica": "chat-0"}


def slots_of(name: str, **labels: str) -> list[tuple[str, str, str]]:
    one = series(f"tailwatch_{name}", **{**MINE, **labels})
    feed = feeds([one])[one]
    keys = [*feed.amounts, *(key for triple in feed.gauges for key in triple)]
    return [(key.scope.value, key.family, key.part.value) for key in keys]


@pytest.mark.parametrize(
    ("name", "family", "part"),
    [
        ("tailwatch_ttft_seconds_bucket", "ttft_seconds", Part.BUCKET),
        ("tailwatch_ttft_seconds_sum", "ttft_seconds", Part.SUM),
        ("tailwatch_requests_total", "requests_total", Part.VALUE),
        ("tailwatch_answer_similarity_sum_total", "answer_similarity_sum_total", Part.VALUE),
        ("tailwatch_target_up", "target_up", Part.N),
        ("tailwatch_something_new_seconds_count", "something_new_seconds", Part.COUNT),
    ],
)
def test_family_and_part_of_a_name(name: str, family: str, part: Part) -> None:
    assert family_and_part(name) == (family, part)


def test_a_series_of_a_replica_feeds_its_service_and_some_feed_the_replica_too() -> None:
    assert slots_of("requests_total", outcome="ok") == [("service", "requests_total", "value")]
    assert slots_of("generated_tokens_total") == [
        ("service", "generated_tokens_total", "value"), ("replica", "generated_tokens_total", "value"),
    ]  # fmt: skip
    assert slots_of("ttft_seconds_bucket", le="0.1") == [("service", "ttft_seconds", "bucket")]
    assert slots_of("ttft_seconds_sum") == [("service", "ttft_seconds", "sum"), ("replica", "ttft_seconds", "sum")]
    assert [part for _, _, part in slots_of("target_up")] == ["n", "sum", "squares"] * 2


@pytest.mark.parametrize("name", ["config_info", "process_start_seconds", "probe_start_seconds"])
def test_some_series_are_read_for_others_sake(name: str) -> None:
    assert slots_of(name) == []


def test_series_that_are_not_ours_or_of_no_service_feed_nothing() -> None:
    strangers = [Series("vllm:x_total", (("service", "chat"),)), series("tailwatch_requests_total", outcome="ok")]
    assert all(not feed.amounts and not feed.ticks for feed in feeds(strangers).values())


def test_replica_instance_and_gpu_are_dropped_at_service_level() -> None:
    one = series("tailwatch_gpu_power_watts", **MINE, gpu="0", instance="a:1")
    [(n, _, _)] = feeds([one])[one].gauges
    assert [name for name, _ in n.labels] == ["model", "region", "service", "version"]
    assert n.service == "chat"


def test_other_bounds_are_other_slots() -> None:
    def of(replica: str, *bounds: str) -> list[Series]:
        labels = {**MINE, "replica": replica}
        return [series("tailwatch_ttft_seconds_bucket", le=le, **labels) for le in bounds]

    same, more = of("a", "0.1", "+Inf"), of("b", "0.1", "0.2", "+Inf")
    feeding = feeds([*same, *more, *of("c", "0.1", "+Inf")])
    first, other, third = (feeding[of(name, "0.1")[0]].amounts[0] for name in "abc")
    assert first == third
    assert first != other
    assert first.digest != other.digest


def test_slots_are_given_in_order_and_scopes_do_not_share_blocks() -> None:
    keys = [SlotKey(Scope.SERVICE, f"f{i}", Part.VALUE, ()) for i in range(BLOCK_SIZE + 1)]
    numbers, blocks = allocate(keys, blocks=[])
    assert [numbers[key] for key in keys] == list(range(BLOCK_SIZE + 1))
    assert blocks == [(Scope.SERVICE, BLOCK_SIZE), (Scope.SERVICE, 1)]
    replica, service = SlotKey(Scope.REPLICA, "r", Part.VALUE, ()), SlotKey(Scope.SERVICE, "s", Part.VALUE, ())
    numbers, blocks = allocate([replica, service], blocks=blocks)
    assert (numbers[replica], numbers[service]) == (2 * BLOCK_SIZE, BLOCK_SIZE + 1)
    assert blocks == [(Scope.SERVICE, BLOCK_SIZE), (Scope.SERVICE, 2), (Scope.REPLICA, 1)]


def test_states_tell_zero_traffic_from_no_data() -> None:
    ok = series("tailwatch_requests_total", **MINE, outcome="ok")
    error = series("tailwatch_requests_total", **MINE, outcome="error")
    temperature = series("tailwatch_gpu_temperature_celsius", **MINE)
    readings, slots, totals, found = Readings(), SlotMap(), np.empty(0), {}
    wiring = Wiring(readings.register)
    first: Samples = {ok: 5.0, error: 1.0, temperature: 60.0}
    for at, samples in enumerate([first, {ok: 9.0, error: 1.0, temperature: float("nan")}, {ok: 9.5}]):
        step = advance(readings, samples, at=float(at))
        readings = step.readings
        new_series = wiring.strangers(step.order)
        new, blocks = allocate(missing(new_series, slots), blocks=slots.blocks)
        slots = extended(slots, new, blocks)
        totals = np.append(totals, np.zeros(slots.size - len(totals)))
        wiring.connect(new_series, slots.numbers)
        totals, states = add(totals, step, wiring.plan(step.order, size=slots.size), partial=at == 2)
        for key, number in slots.numbers.items():
            if key.part is not Part.TICKS:
                name = dict(key.labels).get("outcome", key.part.value)
                found[at, name] = (float(totals[number]), State(states[number]))
    assert found[0, "ok"] == (0, State.ZERO_TRAFFIC)  # a baseline
    assert (found[1, "ok"], found[1, "error"]) == ((4, State.OK), (0, State.ZERO_TRAFFIC))
    assert (found[2, "ok"], found[2, "error"]) == ((4.5, State.PARTIAL), (0, State.NO_DATA))
    assert (found[0, "n"], found[1, "n"], found[2, "n"]) == ((1, State.OK), (1, State.ZERO_TRAFFIC), (1, State.NO_DATA))
    assert found[2, "squares"][0] == 3600
