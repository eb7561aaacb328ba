"""Debian's Alertmanager and Prometheus posting at us: single, three with a partition, and without any Alertmanager."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from incidents.alerts import services
from incidents.alerts.models import Alert
from incidents.ingest.models import Event
from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.core import clock
from observability.supervisor import processes
from tests import factories, servers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
CONFIG = """
route: {{receiver: tailwatch, group_by: [alertname], group_wait: 0s, group_interval: 500ms, repeat_interval: {repeat}}}
receivers: [{{name: tailwatch, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}]
"""
LABELS = {"alertname": "ChatSlow", "severity": "critical", "service": "chat"}


@pytest.fixture
def address(live_server: Any) -> str:
    """Where the senders post: an integration of an organisation with somebody on call."""
    acme = factories.make_organisation("acme")
    ana = factories.make_user(acme, username="ana")
    factories.make_pager(ana, acme, url="http://127.0.0.1:1/")
    factories.make_policy(acme, ana)
    factories.make_service(acme, slug="chat")
    _, key = factories.make_integration(acme, now=clock.now())
    return f"{live_server.url}/hooks/alertmanager/{key}"


def tell(*alertmanagers: servers.Server, over: bool, since: str) -> None:
    """As Prometheus does: to every Alertmanager."""
    end = clock.now() - timedelta(milliseconds=10) if over else clock.now() + timedelta(minutes=5)
    for one in alertmanagers:
        alert = {"labels": LABELS, "startsAt": since, "endsAt": end.isoformat()}
        httpx.post(f"{one.url}/api/v2/alerts", json=[alert], timeout=10).raise_for_status()


def until(condition: Callable[[], bool]) -> None:
    assert processes.wait_until(condition, timeout_seconds=15), [
        (event.alerts, event.error) for event in Event.objects.all()
    ]


def state() -> str:
    return Alert.objects.values_list("state", flat=True).get()


def one_incident_that_is_over() -> None:
    now = clock.now()
    services.pull_findings(now=now)
    services.pull_findings(now=now + timedelta(minutes=6))
    incident = Incident.objects.get()
    assert (incident.state, incident.alerts.count()) == ("resolved", 1)
    assert Page.objects.filter(kind=Page.Kind.OPENED).count() == 1


def test_one_alertmanager(address: str, alertmanager_server: Callable[..., servers.Server]) -> None:
    alertmanager, since = alertmanager_server(CONFIG.format(url=address, repeat="4h")), clock.now().isoformat()
    tell(alertmanager, over=False, since=since)
    until(lambda: Alert.objects.filter(state="firing").exists())
    services.pull_findings(now=clock.now())
    assert Incident.objects.get().state == "open"
    tell(alertmanager, over=True, since=since)
    until(lambda: state() == "cleared")
    one_incident_that_is_over()


def test_three_alertmanagers_and_a_partition(address: str, alertmanager_server: Callable[..., servers.Server]) -> None:
    """Two gossip; the third hears nothing of them, sends everything again, sleeps through the end and wakes with old state."""
    first_port, second_port = servers.free_port(), servers.free_port()
    together = CONFIG.format(url=address, repeat="4h")
    first = alertmanager_server(together, gossip=first_port)
    second = alertmanager_server(together, gossip=second_port, peers=[first_port])
    cut_off = alertmanager_server(CONFIG.format(url=address, repeat="1s"), gossip=servers.free_port())
    since = clock.now().isoformat()
    tell(first, second, cut_off, over=False, since=since)
    until(lambda: Event.objects.count() >= 2)
    services.pull_findings(now=clock.now())
    assert (Alert.objects.count(), Incident.objects.get().state) == (1, "open")
    cut_off.process.send_signal(signal.SIGSTOP)
    tell(first, second, over=True, since=since)
    until(lambda: state() == "cleared")
    heard = Event.objects.count()
    cut_off.process.send_signal(signal.SIGCONT)
    until(lambda: Event.objects.count() > heard)  # it says once more that it fires
    assert state() == "cleared"
    tell(cut_off, over=True, since=since)
    one_incident_that_is_over()


def test_prometheus_without_an_alertmanager(
    address: str, prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yml"
    rule = {"alert": "ChatSlow", "labels": {"severity": "critical", "service": "chat"}}
    rules.write_text(
        f"groups: [{{name: g, rules: [{{alert: {rule['alert']}, expr: vector(1), labels: {rule['labels']}}}]}}]"
    )
    host, _, path = address.removeprefix("http://").partition("/")
    config = f"""
global: {{evaluation_interval: 200ms}}
rule_files: ["{rules}"]
alerting: {{alertmanagers: [{{path_prefix: /{path}, static_configs: [{{targets: ["{host}"]}}]}}]}}
"""
    server = prometheus_server(config, options=("--rules.alert.resend-delay=200ms",))
    until(lambda: Event.objects.count() >= 3)  # told again and again
    services.pull_findings(now=clock.now())
    assert (Alert.objects.count(), Incident.objects.get().state, state()) == (1, "open", "firing")
    processes.stop(server.process)
    expires_at = Alert.objects.values_list("expires_at", flat=True).get()
    assert expires_at is not None
    services.pull_findings(now=expires_at + timedelta(seconds=1))
    assert state() == "cleared"
    services.pull_findings(now=expires_at + timedelta(minutes=6))
    assert Incident.objects.get().state == "resolved"
