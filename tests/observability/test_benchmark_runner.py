"""The runner's table and verdicts; the benchmarks themselves are no tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.benchmarks import Measurement, __main__

FAST = Measurement(benchmark="tick", metric="one tick", value=0.148, unit="s", better="lower", target=0.2)
SLOW = Measurement(
    benchmark="tick",
    metric="series",
    value=123456.0,
    unit="1/s",
    better="higher",
    target=1e6,
    baseline=9000.0,
    baseline_name="prometheus_client",
)


@pytest.fixture
def one_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(full: bool) -> Iterator[Measurement]:
        yield FAST
        if full:
            yield SLOW

    monkeypatch.setattr(__main__, "modules", lambda: {"tick": SimpleNamespace(measure=measure)})


def test_a_table_is_aligned_and_says_what_was_missed() -> None:
    assert __main__.table([FAST, SLOW]).splitlines() == [
        "benchmark  metric      value  unit  target                baseline",
        "tick       one tick    0.148  s     <= 0.2        met",
        "tick       series    123,500  1/s   >= 1,000,000  MISSED  9,000 prometheus_client",
    ]


def test_what_takes_long_is_run_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = SimpleNamespace(
        BY_NAME=True,
        add_arguments=lambda parser: parser.add_argument("--days", type=int),
        asked=lambda options: options.days,
        measure=lambda full, asked: iter([replace(FAST, value=float(asked or 0))]),
    )
    monkeypatch.setattr(__main__, "modules", lambda: {"days": long})
    assert __main__.main([]) == 0
    assert "one tick" not in capsys.readouterr().out
    assert __main__.main(["days", "--days", "7"]) == 1
    assert " 7 " in capsys.readouterr().out


@pytest.mark.usefixtures("one_benchmark")
def test_a_missed_target_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main([]) == 0
    assert __main__.main(["tick", "--full", "--json"]) == 1
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()[-2:]]
    assert objects[0] == {
        "benchmark": "tick",
        "metric": "one tick",
        "value": 0.148,
        "unit": "s",
        "better": "lower",
        "target": 0.2,
        "baseline": None,
        "baseline_name": None,
    }


@pytest.mark.usefixtures("one_benchmark")
def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["tock"])
    assert "no benchmark tock; there are tick" in capsys.readouterr().err
