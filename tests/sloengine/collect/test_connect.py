from __future__ import annotations

from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from observability.core import permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from observability.core.services import default_organisation
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from tests import factories

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
    shown = capsys.readouterr().out.split()
    assert shown[-4:] == ["chat", "1", "code", "1"]


def test_a_source_that_does_not_answer_is_connected_and_says_why_it_is_silent(capsys):
    call_command("connect", "http://127.0.0.1:9")
    assert MetricSource.objects.get().kind == "prometheus"
    assert "nothing can be read yet" in capsys.readouterr().out


def test_nothing_to_connect_says_what_to_give(settings):
    settings.TAILWATCH_PROBE_URLS, settings.PROMETHEUS_URL = [], ""
    with pytest.raises(CommandError, match="PROMETHEUS_URL or TAILWATCH_PROBE_URLS"):
        call_command("connect")
