"""One simulated fleet, read directly and through a real Prometheus that scrapes the same probe: what is counted is the same."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest

from observability.core import clock
from observability.virtual import FleetTransport, probe_config
from probes.agent import Agent
from probes.exporter import Exporter
from probes.simfleet.fleet import Fleet, default_config
from sloengine.collect.increments import Readings, advance
from sloengine.sources.prometheus import FAMILIES, PrometheusSource
from sloengine.sources.scrape import ScrapeSource

pytestmark = pytest.mark.heavy

CONFIG = """
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
  - job_name: probe
    honor_labels: true
    static_configs: [{{targets: ["{address}"]}}]
"""
POLLS, POLL_SECONDS = 60, 0.25


class Probed:
    """A fleet whose clock stands still between `play`s, so that both sources can be asked about the same moment."""

    def __init__(self):
        self.now = clock.now() - timedelta(hours=1)
        self.fleet = Fleet(default_config(), seed=3, start=self.now.timestamp())
        self.agent = Agent(probe_config(self.fleet.config), FleetTransport(self.fleet), started=self.now.timestamp())
        self.exporter = Exporter(host="127.0.0.1", port=0, samples=self.agent.samples)
        self.thread = threading.Thread(target=self.exporter.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def play(self, span):
        end = self.now + span
        while self.now < end:
            self.now += timedelta(seconds=15)
            self.fleet.advance(self.now.timestamp())
            self.agent.tick(self.now.timestamp())

    def close(self):
        self.exporter.shutdown()
        self.exporter.server_close()
        self.thread.join()


@pytest.fixture
def probed():
    one = Probed()
    yield one
    one.close()


def canonical(samples):
    """What collecting keeps, without the labels that Prometheus adds."""
    return {
        one.without("job", "instance"): value
        for one, value in samples.items()
        if one.name.removeprefix("tailwatch_").rpartition("_bucket")[0] in FAMILIES
        or one.name.removeprefix("tailwatch_") in FAMILIES
        or one.name.removeprefix("tailwatch_").removesuffix("_sum").removesuffix("_count") in FAMILIES
    }


def both(direct, prometheus):
    """A reading of each once Prometheus has scraped what the probe says now; traffic stands still meanwhile."""
    told = canonical(direct.read(clock.now()).samples)
    told = {one: value for one, value in told.items() if not one.name.startswith("tailwatch_probe_scrape_seconds")}
    for _ in range(POLLS):
        asked = canonical(prometheus.read(clock.now()).samples)
        if {one: asked.get(one) for one in told} == told:
            return told, {one: asked[one] for one in told}
        threading.Event().wait(POLL_SECONDS)
    differing = [one for one in told if asked.get(one) != told[one]]
    raise AssertionError(f"Prometheus never said the same of {len(differing)} series: {differing[:5]}")


def test_both_sources_count_the_same_through_growth_an_outage_and_a_restart(probed, prometheus_server, request):
    probed.play(timedelta(minutes=2))
    server = prometheus_server(CONFIG.format(address=probed.exporter.url.removeprefix("http://")))
    direct, prometheus = ScrapeSource([f"{probed.exporter.url}/metrics"]), PrometheusSource(server.url)
    request.addfinalizer(prometheus.close)
    request.addfinalizer(direct.close)
    kept = {"direct": Readings(), "prometheus": Readings()}
    counted: dict[str, Counter[str]] = {"direct": Counter(), "prometheus": Counter()}

    def count():
        for name, samples in zip(kept, both(direct, prometheus), strict=True):
            step = advance(kept[name], samples, at=probed.now.timestamp())
            kept[name] = step.readings
            for position, amount in zip(step.order.counters, step.amounts, strict=True):
                counted[name][step.order.keys[position].name] += amount

    count()
    probed.play(timedelta(minutes=3))
    count()
    probed.fleet.start_fault("replica-outage")
    probed.play(timedelta(minutes=2))
    count()
    probed.fleet.stop_fault("replica-outage")
    probed.play(timedelta(minutes=3))
    count()

    assert counted["direct"] == pytest.approx(counted["prometheus"], rel=1e-12)
    assert counted["direct"]["tailwatch_requests_total"] > 1000
