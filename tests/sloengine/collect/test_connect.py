from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from observability.core import clock, permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from observability.core.services import default_organisation
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from sloengine.objectives.models import Objective
from tests import factories
from tests.sloengine.histories import blocks, scraped_fleet

NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


class Probe(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(
            b'tailwatch_target_up{service="chat",replica="a"} 1\ntailwatch_target_up{service="code",replica="b"} 1\nup 1\n'
        )

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def probe():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Probe)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


def configured(**given):
    return services.connect_configured(
        organisation=default_organisation(), **{"probe_urls": [], "prometheus_url": "", "now": NOW, **given}
    )


def test_probes_become_one_source_of_several_pages():
    (source,) = configured(probe_urls=["http://a:9840/metrics", "http://b:9840/metrics"])
    assert (source.kind, source.url) == ("scrape", "http://a:9840/metrics\nhttp://b:9840/metrics")


def test_the_same_settings_again_change_nothing_and_are_not_audited_again():
    configured(probe_urls=["http://a:9840/metrics"])
    configured(probe_urls=["http://a:9840/metrics"])
    assert MetricSource.objects.count() == 1
    assert AuditEntry.objects.filter(verb="connect_source").count() == 1


def test_a_prometheus_takes_over_from_direct_scrapes_so_that_nothing_counts_twice():
    configured(probe_urls=["http://a:9840/metrics"])
    configured(probe_urls=["http://a:9840/metrics"], prometheus_url="http://prometheus:9090")
    assert dict(MetricSource.objects.values_list("name", "enabled")) == {"probes": False, "prometheus": True}


def test_only_those_who_manage_sources_may_connect_one():
    organisation = default_organisation()
    viewer = permissions.of(factories.make_user(organisation, role=Role.VIEWER), organisation)
    with pytest.raises(NotAllowed):
        services.connect(
            organisation=organisation, name="x", kind="scrape", url="http://a/metrics", actor=viewer, now=NOW
        )


def test_the_command_shows_what_is_there(settings, probe, capsys):
    settings.TAILWATCH_PROBE_URLS = [probe]
    call_command("connect")
    shown = capsys.readouterr().out
    assert [line.split()[:2] for line in shown.splitlines() if line.startswith(("chat ", "code "))] == [
        ["chat", "1"],
        ["code", "1"],
    ]
    assert "chat, code: how many requests fail." in shown


def test_a_prometheus_that_does_not_answer_is_not_connected_and_says_why():
    with pytest.raises(CommandError, match=r"Nothing was connected: http://127\.0\.0\.1:9: ConnectionError"):
        call_command("connect", "http://127.0.0.1:9")
    assert not MetricSource.objects.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["prometheus:9090"], "no address"),
        (["http://127.0.0.1:9", "--bearer-file", "/nowhere/token"], "there is no file '/nowhere/token'"),
        (["http://127.0.0.1:9", "--password-file", "/nowhere/word"], "--password-file"),
        (["http://127.0.0.1:9", "--tick", "5"], "expected 15 to 60"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_asked(given, expected):
    with pytest.raises(CommandError, match=expected):
        call_command("connect", *given)


@pytest.fixture(scope="module")
def fleet_history(tmp_path_factory):
    """A quarter of an hour of a fleet as a Prometheus without a probe holds it; a replica is lost in its middle."""
    minute = timedelta(minutes=1)
    faults = {NOW - 11 * minute: ("replica-outage", True), NOW - 5 * minute: ("replica-outage", False)}
    readings = scraped_fleet(start=NOW - 15 * minute, end=NOW, step=minute, faults=faults)
    return blocks(readings, tmp_path_factory.mktemp("fleet") / "history")


@pytest.mark.heavy
def test_from_nothing_to_objectives_with_a_back_test_without_a_probe(
    prometheus_server, fleet_history, capsys, monkeypatch
):
    server = prometheus_server("global: {}\n", blocks=fleet_history)
    monkeypatch.setattr("builtins.input", lambda _question: "n")
    with clock.frozen(NOW):
        call_command("connect", server.url, "--days", "0.01")
    shown = " ".join(capsys.readouterr().out.split())
    assert "Nothing was changed." in shown
    assert not MetricSource.objects.exists()
    assert "engines' own series, no probe" in shown
    assert "not chat/answer-quality: nothing gives answer_similarity_sum_total" in shown

    with clock.frozen(NOW):
        call_command("connect", server.url, "--days", "0.01", "--yes", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["applied"]
    assert {one["service"]: len(one["replicas"]) for one in told["services"]} == {"chat": 4, "code": 3, "batch": 2}
    assert {one["objective"] for one in told["objectives"]} >= {"chat/availability", "code/first-token-p95"}
    assert {f"{one['service']}/{one['objective']}" for one in told["backtest"]} == {
        one["objective"] for one in told["objectives"]
    }
    assert all(one["total"] > 0 for one in told["backtest"] if one["objective"] == "availability")
    source = MetricSource.objects.get()
    assert source.naming is not None
    assert (source.last_tick, source.naming["jobs"][:2]) == (NOW, ["batch-client", "batch-engine"])
    assert Objective.objects.filter(service__slug="chat").count() == 5
    # And the platform reads on from here by itself.
    services.collect_due(now=NOW + timedelta(seconds=30))
    source.refresh_from_db()
    assert (source.last_tick, source.last_error) == (NOW + timedelta(seconds=30), "")


def test_nothing_to_connect_says_what_to_give(settings):
    settings.TAILWATCH_PROBE_URLS, settings.PROMETHEUS_URL = [], ""
    with pytest.raises(CommandError, match="PROMETHEUS_URL or TAILWATCH_PROBE_URLS"):
        call_command("connect")
