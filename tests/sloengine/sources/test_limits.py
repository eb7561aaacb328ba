"""Questions stay within a server's limits, and what it refuses is cut in halves until it does not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from probes.exposition import series
from sloengine.sources.base import Reading
from sloengine.sources.flavours import PARAMETERS, Flavour
from sloengine.sources.prometheus import PrometheusSource
from sloengine.sources.selectors import LONGEST_QUERY, Question, names_of, questions, spellings
from tests import servers
from tests.conftest import NOW
from tests.sloengine.histories import blocks
from tests.sloengine.readings import Replica, together

TICK = timedelta(seconds=30)


def test_questions_cover_every_name_once_and_none_is_longer_than_a_proxy_takes() -> None:
    names = [f"tailwatch_family_number_{number}_bucket" for number in range(500)]
    asked = questions(names, matchers='cluster="eu"')
    assert sorted(name for one in asked for name in one.names) == sorted(names)
    assert max(len(one.text) for one in asked) <= LONGEST_QUERY + 40
    assert len(asked) > 1


def test_no_question_asks_for_more_series_than_it_may_where_it_is_known_how_many_there_are() -> None:
    asked = questions(["a", "b", "c", "d"], counts={"a": 400, "b": 400, "c": 400, "d": 5000}, most_series=1000)
    assert [one.names for one in asked] == [("a", "b"), ("c",), ("d",)]


def test_a_family_whose_bounds_are_known_is_asked_for_these_alone_however_they_are_spelt() -> None:
    first, rest = questions(["x_bucket", "x_sum"], bounds={"x_bucket": [1.0, math.inf]})
    assert first.text == r'{__name__=~"x_bucket",le=~"1\\.0|1|\\+Inf"}'
    assert rest.names == ("x_sum",)
    assert spellings(0.25) == ("0.25",)


def test_one_selector_names_exactly_the_families() -> None:
    (asked,) = questions(names_of(["ttft_seconds", "requests_total"]))
    pattern = re.compile(asked.text.removeprefix('{__name__=~"').removesuffix('"}'))
    assert pattern.fullmatch("tailwatch_ttft_seconds_bucket")
    assert pattern.fullmatch("tailwatch_requests_total")
    assert not pattern.fullmatch("tailwatch_canary_ttft_seconds_bucket")
    assert not pattern.fullmatch("tailwatch_ttft_seconds")


def test_a_single_name_has_no_halves() -> None:
    assert Question(("a",)).halves() is None
    assert Question(("a", "b", "c")).halves() == (Question(("a",)), Question(("b", "c")))


def test_thanos_must_answer_whole_and_victoriametrics_must_not_hide_the_newest() -> None:
    assert PARAMETERS[Flavour.THANOS]["partial_response"] == "false"
    assert PARAMETERS[Flavour.THANOS]["dedup"] == "true"
    assert PARAMETERS[Flavour.VICTORIAMETRICS]["latency_offset"] == "1ms"


def history() -> list[Reading]:
    one, two = Replica("chat-0"), Replica("chat-1")
    readings = []
    for number in range(40):
        one.serve(7, seconds=0.07)
        if number == 20:
            two.restart((NOW + number * TICK).timestamp())
        two.serve(3, seconds=0.3)
        readings.append(Reading(NOW + number * TICK, together(*([one] if 10 <= number < 15 else [one, two]))))
    return readings


@pytest.mark.heavy
def test_a_real_servers_limits_halve_the_questions_and_ranges_read_what_instants_read(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    readings = history()
    written = blocks(readings, tmp_path / "history")
    server = prometheus_server("global: {}\n", blocks=written)
    ticks = [reading.at for reading in readings]
    free, chunked = PrometheusSource(server.url), PrometheusSource(server.url, most_samples=600)
    by_instant = [free.read(at) for at in ticks]
    assert list(free.read_range(ticks)) == by_instant
    assert list(chunked.read_range(ticks)) == by_instant  # many small questions, the same answers
    assert [dict(reading.samples) for reading in by_instant[:9]] == [dict(reading.samples) for reading in readings[:9]]

    tight = prometheus_server("global: {}\n", blocks=written, options=("--query.max-samples=14",))
    halved = PrometheusSource(tight.url)
    assert halved.read(ticks[5]).samples == by_instant[5].samples
    known = halved._planned()
    assert len(known) > 1  # and it remembers: the next tick asks in small pieces at once
    assert halved.read(ticks[6]).samples == by_instant[6].samples
    assert halved._planned() == known

    tighter = prometheus_server("global: {}\n", blocks=written, options=("--query.max-samples=4",))
    left = PrometheusSource(tighter.url).read(ticks[5])
    assert left.partial
    assert "exceed the server's limits: tailwatch_e2e_seconds_bucket, " in left.warnings[0]
    assert series("tailwatch_probe_start_seconds") in left.samples
