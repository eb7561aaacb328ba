"""Several sources at once: a down or slow one is one incident, blocks no other, and is caught up exactly."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from observability.core.fields import encrypt
from sloengine.budgets.models import Finding
from sloengine.budgets.services import evaluate_due
from sloengine.catalog.models import Service
from sloengine.collect import services
from sloengine.collect.models import MetricSource
from sloengine.rollups import queries
from sloengine.sources import recorded
from tests import factories, servers
from tests.conftest import NOW
from tests.sloengine.histories import blocks
from tests.sloengine.sources.test_limits import history

TICK = timedelta(seconds=30)


@pytest.mark.django_db
def test_a_password_that_was_kept_with_another_key_is_said_and_stops_nobody_else(settings) -> None:
    organisation = factories.make_organisation()
    recorded.register("quick", recorded.Recorded(history()))
    quick = factories.make_source(organisation, name="quick")
    locked = factories.make_source(
        organisation, kind="prometheus", url="http://127.0.0.1:9", username="me", password=encrypt("open sesame")
    )
    settings.SECRET_KEY = "another " * 8
    services.collect_due(now=NOW)
    locked.refresh_from_db()
    quick.refresh_from_db()
    assert "another SECRET_KEY" in locked.last_error
    assert quick.last_tick == NOW
    recorded.unregister("quick")


@pytest.mark.heavy
@pytest.mark.django_db
def test_a_prometheus_that_is_down_is_one_incident_and_is_caught_up_exactly(tmp_path: Path) -> None:
    readings = history()
    written = blocks(readings, tmp_path / "history")
    port = servers.free_port()
    organisation, told = factories.make_organisation(), factories.make_organisation()
    recorded.register("beside", recorded.Recorded(history()))
    source = factories.make_source(organisation, name="p", kind="prometheus", url=f"http://127.0.0.1:{port}")
    beside = factories.make_source(organisation, name="beside")
    control = factories.make_source(told, name="beside again", url="memory:beside")

    def play(first: int, last: int) -> None:
        for number in range(first, last):
            services.collect_due(now=NOW + number * TICK)
            services.catch_up_due(now=NOW + number * TICK)
            evaluate_due(now=NOW + number * TICK)

    with ExitStack() as up:
        up.enter_context(
            servers.prometheus(config="global: {}\n", folder=_new(tmp_path / "one"), blocks=written, port=port)
        )
        play(0, 12)
    play(12, 24)  # nobody listens
    assert [(row.fingerprint, row.severity) for row in Finding.objects.filter(organisation=organisation)] == [
        ("blind/p", "page")
    ]
    beside.refresh_from_db()
    assert beside.last_tick == NOW + 23 * TICK  # the other one went on
    with servers.prometheus(config="global: {}\n", folder=_new(tmp_path / "two"), blocks=written, port=port):
        play(24, 40)
    assert [row.state for row in Finding.objects.filter(organisation=organisation)] == ["cleared"]
    source.refresh_from_db()
    assert source.last_tick == NOW + 39 * TICK

    assert control.pk
    mine = Service.objects.get(organisation=organisation, slug="chat")
    plain = Service.objects.get(organisation=told, slug="chat")
    for number in range(39):
        window: dict[str, Any] = {"start": NOW + number * TICK, "end": NOW + (number + 1) * TICK}
        both, once = (queries.increments(service=each, family="requests_total", **window) for each in (mine, plain))
        # Two sources that tell the same count it twice; tick by tick, the ones that were caught up too.
        assert {key: value / 2 for key, value in both.items() if value} == {
            key: value for key, value in once.items() if value
        }
    assert MetricSource.objects.filter(failing_since=None).count() == 3
    recorded.unregister("beside")


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
