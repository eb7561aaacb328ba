"""The same promises as Sloth-style rules in a real Prometheus and as objectives of ours, in one run: CPU-seconds of a cycle."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from observability.core import clock
from tests import servers
from tests.benchmarks import Measurement, slo_tick, slo_world

#: Sloth's own windows and factors for 30 days (github.com/slok/sloth, windows/google-30d.yaml).
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
ALERTS = ((("5m", "1h", 14.4), ("30m", "6h", 6.0)), (("2h", "1d", 3.0), ("6h", "3d", 1.0)))
CYCLE, TARGET = 30, 250.0
DAYS, STEP = 3, 60
ALL = 10_000


def measure(full: bool) -> Iterator[Measurement]:
    slos = 200 if full else 20
    theirs = _theirs(slos)
    objectives = ALL if full else 1000
    ours = slo_tick.play(objectives, days=30 if full else 1)
    mine = (ours["ours"] + ours["postgres"] + ours["redis"] + ours["prometheus"]) / objectives * ALL
    scaled = theirs / slos * ALL
    yield Measurement(
        benchmark="slo_peer",
        metric=f"Sloth-style rules of {slos} SLOs, 3 days at 60 s: CPU of a cycle of 30 s",
        value=theirs,
        unit="CPU-s",
        better="lower",
    )
    yield Measurement(
        benchmark="slo_peer",
        metric=f"a tick of ours, everybody's CPU, scaled from {objectives:,} to 10,000 objectives",
        value=mine,
        unit="CPU-s",
        better="lower",
        baseline=scaled,
        baseline_name="Sloth-style, scaled alike",
    )
    yield Measurement(
        benchmark="slo_peer",
        metric="how many times cheaper",
        value=scaled / mine,
        unit="times",
        better="higher",
        target=TARGET if full else None,  # a tick of few objectives has fixed costs that scaling multiplies
    )


def _theirs(slos: int) -> float:
    """CPU-seconds that a Prometheus spends in 30 s on the rules of so many SLOs, less what it spends without them."""
    folder = Path(tempfile.mkdtemp(prefix="tailwatch-bench-"))
    try:
        end = int(clock.now().timestamp()) // STEP * STEP + 600
        blocks = slo_world.blocks(_history(slos, end), folder)
        spent = []
        for name, rules in (("idle", ""), ("rules", _rules(slos))):
            here = folder / name
            here.mkdir()
            shutil.copytree(blocks, here / "data")
            (here / "rules.yml").write_text(rules or "groups: []\n", encoding="utf-8")
            config = f"global: {{evaluation_interval: {CYCLE // 3}s}}\nrule_files: [{here / 'rules.yml'}]\n"
            with servers.prometheus(config=config, folder=here) as server:
                threading.Event().wait(CYCLE / 3 + 2)  # every group has begun
                before, began = slo_world.cpu_of(server.process.pid), time.monotonic()
                threading.Event().wait(CYCLE)
                seconds = time.monotonic() - began
                spent.append((slo_world.cpu_of(server.process.pid) - before) * CYCLE / seconds)
        # Rules ran three times as often, so that 30 s hold more than a cycle's worth of them.
        return (spent[1] - spent[0]) / 3
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _history(slos: int, end: int) -> Iterator[str]:
    yield "# TYPE http_requests unknown\n"
    for slo in range(slos):
        for outcome, each in (("ok", 59), ("error", 1)):
            value = 0
            for at in range(end - DAYS * 86400, end + 1, STEP):
                value += each
                yield f'http_requests{{slo="{slo}",outcome="{outcome}"}} {value} {at}\n'
    yield "# EOF\n"


def _rules(slos: int) -> str:
    """What Sloth generates: eight SLI rules, seven of metadata and two alerts a SLO, in three groups."""
    groups = []
    for slo in range(slos):
        labels = f'{{sloth_id="s{slo}"}}'
        five = f"slo:sli_error:ratio_rate5m{labels}"
        sli = [
            f"""  - record: slo:sli_error:ratio_rate{window}
    expr: (sum(rate(http_requests{{slo="{slo}",outcome="error"}}[{window}]))) / (sum(rate(http_requests{{slo="{slo}"}}[{window}])))
    labels: {{sloth_id: "s{slo}", sloth_window: {window}}}"""
            for window in WINDOWS
        ]
        sli.append(
            f"""  - record: slo:sli_error:ratio_rate30d
    expr: sum_over_time({five}[30d]) / ignoring (sloth_window) count_over_time({five}[30d])
    labels: {{sloth_id: "s{slo}", sloth_window: 30d}}"""
        )
        about = [
            ("slo:objective:ratio", "vector(0.999)"),
            ("slo:error_budget:ratio", "vector(1 - 0.999)"),
            ("slo:time_period:days", "vector(30)"),
            ("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{labels} / on(sloth_id) group_left slo:error_budget:ratio{labels}"),
            ("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate30d{labels} / on(sloth_id) group_left slo:error_budget:ratio{labels}"),
            ("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{labels}"),
            ("sloth_slo_info", "vector(1)"),
        ]  # fmt: skip
        metadata = [
            f'  - record: {name}\n    expr: {expression}\n    labels: {{sloth_id: "s{slo}"}}'
            for name, expression in about
        ]
        alerts = [
            f"  - alert: Burn{number}\n    expr: "
            + " or ".join(
                f"(max(slo:sli_error:ratio_rate{short}{labels} > ({factor} * 0.001))"
                f" and max(slo:sli_error:ratio_rate{long}{labels} > ({factor} * 0.001)))"
                for short, long, factor in pairs
            )
            for number, pairs in enumerate(ALERTS)
        ]
        for kind, rules in (("sli", sli), ("meta", metadata), ("alerts", alerts)):
            groups.append(f"- name: {kind}-{slo}\n  rules:\n" + "\n".join(rules))
    return "groups:\n" + "\n".join(groups) + "\n"
