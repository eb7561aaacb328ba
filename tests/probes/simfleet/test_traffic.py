"""Arrivals: the curve, the lengths, the trace replay, and what a broken trace says."""

from __future__ import annotations

from dataclasses import replace
from statistics import median, quantiles

import pytest

from probes.simfleet.config import Lengths, default_config
from probes.simfleet.traffic import BadTrace, Traffic, demand_curve, length_table, parse_trace, read_trace
from tests.probes.simfleet.measure import START, hours

CHAT = default_config().service("chat")
HEAD = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def minute(number: int, count: int) -> str:
    return "".join(
        f"2023-11-16 18:{15 + number:02}:{i % 60:02}.5,{100 * (number + 1)},{10 + i}\n" for i in range(count)
    )


TRACE = parse_trace(HEAD + minute(0, 30) + minute(1, 60) + minute(2, 120) + minute(3, 5), name="t.csv")


@pytest.mark.parametrize(
    ("at", "share"),
    [(START + hours(3 * 24 + 14), 1.28), (START + hours(3 * 24 + 2), 0.72), (START + hours(2), 0.72 * 0.85)],
    ids=["Wednesday afternoon", "Wednesday night", "Sunday night"],
)
def test_demand_follows_the_day_and_the_week(at: float, share: float) -> None:
    assert demand_curve(CHAT, at) == pytest.approx(share)


def test_lengths_have_the_shape_asked_for() -> None:
    table = length_table(Lengths(median=129, sigma=0.76, low=4, high=1_000))
    assert median(table) == pytest.approx(129, abs=1)
    assert quantiles(table, n=20)[-1] == pytest.approx(450, abs=8)  # the conversation trace's p95 is 451
    assert (min(table), max(table)) == (8, 1_000)


def test_a_block_comes_at_the_rate_asked_for_in_order() -> None:
    traffic = Traffic(CHAT, seed=1)
    noon = START + hours(36)
    arrivals = [request for i in range(60) for request in traffic.block(noon + 60.0 * i)]
    assert len(arrivals) == pytest.approx(3_600 * traffic.rate(noon + 1_800), rel=0.03)
    times = [request.arrived for request in arrivals]
    assert times == sorted(times)
    shares = [sum(request.tenant == i for request in arrivals) / len(arrivals) for i in range(3)]
    assert shares == pytest.approx([0.55, 0.30, 0.15], abs=0.02)


def test_the_rest_of_a_block_is_the_same_block() -> None:
    traffic = Traffic(CHAT, seed=1)
    whole = [request.arrived for request in traffic.block(START)]
    assert [r.arrived for r in traffic.block(START, begin=START + 30)] == [at for at in whole if at > START + 30]


def test_a_trace_is_cut_into_minutes_without_its_broken_end() -> None:
    assert [len(block) for block in TRACE.blocks] == [30, 60, 120]
    assert TRACE.requests_per_second == pytest.approx(210 / 180)


def test_replay_draws_minutes_at_the_rate_asked_for_and_does_not_loop() -> None:
    traffic = Traffic(replace(CHAT, requests_per_second=3.0), seed=4, trace=TRACE)
    noon = START + hours(36)
    blocks = [traffic.block(noon + 60.0 * i) for i in range(120)]
    assert sum(map(len, blocks)) == pytest.approx(7_200 * traffic.rate(noon + 3_600), rel=0.12)
    assert {request.prompt for block in blocks for request in block} == {100, 200, 300}
    order = [block[0].prompt for block in blocks if block]
    assert all(order[:period] != order[period : 2 * period] for period in range(3, 60))


def test_the_same_seed_replays_the_same() -> None:
    def played(seed: int) -> list[tuple[float, int, int]]:
        return [(r.arrived, r.prompt, r.generated) for r in Traffic(CHAT, seed=seed, trace=TRACE).block(START)]

    assert played(1) == played(1) != played(2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("when,in,out\n", r"t.csv, line 1: found 'when,in,out', expected 'TIMESTAMP,ContextTokens,GeneratedTokens'"),
        (HEAD, r"t.csv: no rows, expected at least one request"),
        (HEAD + "2023-11-16 18:15:46.68,1,2\n2023-11-16 18:15:47,3\n", r"t.csv, line 3: .*expected three columns"),
        (HEAD + "yesterday,1,2\n", r"t.csv, line 2: found 'yesterday,1,2', expected a time such as"),
        (HEAD + "2023-11-16 18:15:46,many,2\n", r"t.csv, line 2: .*expected whole numbers of tokens"),
        (HEAD + "2023-11-16 18:15:46,5,0\n", r"t.csv, line 2: .*expected at least one token in and out"),
    ],
)
def test_a_bad_trace_names_file_and_line(text: str, sentence: str) -> None:
    with pytest.raises(BadTrace, match=sentence):
        parse_trace(text, name="t.csv")


def test_a_missing_trace_is_a_sentence(tmp_path) -> None:
    with pytest.raises(BadTrace, match=r"none\.csv: .*No such file.*expected a readable CSV file"):
        read_trace(tmp_path / "none.csv")
