"""Parsing one engine's metrics page (48 KB): ours, first and repeated, against prometheus_client's parser.

The page is of the size and shape of a vLLM 0.32 page: 43 families of which 17 are histograms, 427 series.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client.parser import text_string_to_metric_families

from probes.exposition import Parser, bound
from tests.benchmarks import Measurement

BOUNDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160)


def measure(full: bool) -> Iterable[Measurement]:
    repeats = 500 if full else 100
    page = text()
    parser = Parser()
    ours = parser.parse(page)
    theirs = {sample.name for family in text_string_to_metric_families(page) for sample in family.samples}
    if {one.name for one in ours} != theirs:
        raise AssertionError("the two parsers read different series")
    baseline = _milliseconds(lambda: list(text_string_to_metric_families(page)), repeats=max(5, repeats // 20))
    for metric, work in (("repeated page", lambda: parser.parse(page)), ("first page", lambda: Parser().parse(page))):
        yield Measurement(
            benchmark="exposition",
            metric=f"parse, {metric}, {len(page) / 1000:.0f} KB, {len(ours)} series",
            value=_milliseconds(work, repeats=repeats if metric == "repeated page" else repeats // 5),
            unit="ms",
            better="lower",
            target=1.0 if metric == "repeated page" else None,
            baseline=baseline,
            baseline_name="ms prometheus_client",
        )


def text() -> str:
    lines: list[str] = []
    for at in range(17):
        family = f"vllm:request_phase_{at}_time_seconds"
        lines += [
            f"# HELP {family} Histogram of time that a request spends in phase {at}.",
            f"# TYPE {family} histogram",
        ]
        for count, upper in enumerate((*BOUNDS, float("inf"))):
            lines.append(
                f'{family}_bucket{{engine="0",le="{bound(upper)}",model_name="llama-8b-instruct"}} {count * 17.0}'
            )
        lines.append(f'{family}_count{{engine="0",model_name="llama-8b-instruct"}} 340.0')
        lines.append(f'{family}_sum{{engine="0",model_name="llama-8b-instruct"}} {at + 0.8284}')
    for at in range(18):
        family = f"vllm:something_counted_{at}"
        for part, kind, value in (("total", "counter", 61236.0), ("created", "gauge", 1.7953226890400147e09)):
            lines += [
                f"# HELP {family}_{part} Number of things counted, in terms of tokens.",
                f"# TYPE {family}_{part} {kind}",
            ]
            lines.append(f'{family}_{part}{{engine="0",model_name="llama-8b-instruct"}} {value!r}')
    return "\n".join(lines) + "\n"


def _milliseconds(work: Callable[[], object], *, repeats: int) -> float:
    """The median of single runs."""
    taken: list[float] = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begun))
    return sorted(taken)[len(taken) // 2]
