"""The same promises as Sloth-style rules in a real Prometheus and as objectives of ours, in one run: CPU-seconds of a cycle."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from observability.core import clock
from tests import servers
from tests.benchmarks import Measurement, slo_tick, slo_world

#: Sloth's own windows and factors for 30 days (github.com/slok/sloth, windows/google-30d.yaml).
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
ALERTS = ((("5m", "1h", 14.4), ("30m", "6h", 6.0)), (("2h", "1d", 3.0), ("6h", "3d", 1.0)))
TARGET = 250.0
DAYS, STEP = 3, 60
#: 10,000 SLOs of Sloth's would need minutes a cycle: fewer are measured, and scaled linearly, as they are evaluated one by one.
ALL, SLOS, OBJECTIVES = 10_000, 50, 3000
FULL_SLOS, FULL_OBJECTIVES = 200, ALL
GROUPS = 3  # an SLO
SETTLE_SECONDS, ROUNDS = 5, 2


def measure(full: bool) -> Iterator[Measurement]:
    """By default 50 SLOs of theirs and 3,000 of ours with a day behind them; with --full 200, and 10,000 with 30 days."""
    slos, objectives = (FULL_SLOS, FULL_OBJECTIVES) if full else (SLOS, OBJECTIVES)
    theirs = _theirs(slos)
    ours = slo_tick.play(objectives, days=30 if full else 1)
    mine = (ours["ours"] + ours["postgres"] + ours["redis"] + ours["prometheus"]) / objectives * ALL
    scaled = theirs / slos * ALL
    yield Measurement(
        benchmark="slo_peer",
        metric=f"Sloth-style rules of {slos} SLOs, 3 days at 60 s: CPU of one evaluation of all",
        value=theirs,
        unit="CPU-s",
        better="lower",
    )
    yield Measurement(
        benchmark="slo_peer",
        metric=f"a tick of ours with our Prometheus, {objectives:,} objectives scaled linearly to 10,000",
        value=mine,
        unit="CPU-s",
        better="lower",
        baseline=scaled,
        baseline_name=f"Sloth-style, {slos} scaled linearly",
    )
    yield Measurement(
        benchmark="slo_peer", metric="how many times cheaper", value=scaled / mine, unit="times", better="higher",
        target=TARGET,
    )  # fmt: skip


def _theirs(slos: int) -> float:
    """CPU-seconds of one evaluation of the rules of so many SLOs, less what the same server spends in that time without them.

    The groups of a cycle are spread over it, so whole rounds of all groups are counted by the server's own counters.
    """
    folder = Path(tempfile.mkdtemp(prefix="tailwatch-bench-"))
    try:
        end = int(clock.now().timestamp()) // STEP * STEP + 600
        blocks = slo_world.blocks(_history(slos, end), folder, longest="64h")
        rules = folder / "rules.yml"
        rules.write_text("groups: []\n", encoding="utf-8")
        interval = max(slos // 10, 5)  # shorter than a cycle, and far from busy: 100 SLOs take about two seconds
        config = f"global: {{evaluation_interval: {interval}s}}\nrule_files: [{rules}]\n"
        with servers.prometheus(config=config, folder=folder, blocks=blocks) as server:

            def spent(seconds: float) -> tuple[float, float]:
                """CPU-seconds in so much time, and how many evaluations of all rules that held."""
                before, first = slo_world.cpu_of(server.process.pid), _evaluated(server.url)
                threading.Event().wait(seconds)
                rounds = (_evaluated(server.url) - first) / (GROUPS * slos)
                return slo_world.cpu_of(server.process.pid) - before, rounds

            threading.Event().wait(SETTLE_SECONDS / 2)
            idle, _ = spent(SETTLE_SECONDS)
            rules.write_text(_rules(slos), encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            threading.Event().wait(
                1.1 * interval
            )  # every group has begun: rules that read rules have something to read
            cpu, rounds = spent(ROUNDS * interval)
            return (cpu - idle / SETTLE_SECONDS * ROUNDS * interval) / rounds
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _evaluated(url: str) -> float:
    """How many groups of rules the server has evaluated so far."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in lines if line.startswith("prometheus_rule_group_iterations_total")
    )


def _history(slos: int, end: int) -> Iterator[str]:
    """What the rules read: the requests, and what they themselves recorded in these days, which the rule of 30 days reads."""
    instants = range(end - DAYS * 86400, end + 1, STEP)
    yield "# TYPE http_requests unknown\n"
    for slo in range(slos):
        for outcome, each in (("ok", 59), ("error", 1)):
            head = f'http_requests{{slo="{slo}",outcome="{outcome}"}}'
            yield from (f"{head} {each * number} {at}\n" for number, at in enumerate(instants))
    yield "# TYPE slo:sli_error:ratio_rate5m unknown\n"
    for slo in range(slos):
        head = f'slo:sli_error:ratio_rate5m{{sloth_id="s{slo}",sloth_window="5m"}}'
        yield from (f"{head} 0.016 {at}\n" for at in instants)
    yield "# EOF\n"


def _rules(slos: int) -> str:
    """What Sloth generates: eight SLI rules, seven of metadata and two alerts an SLO, in three groups."""
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
