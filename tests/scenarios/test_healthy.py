"""Nothing is wrong, and nobody is woken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from incidents.response.models import Incident
from observability import drills
from observability.core.services import default_organisation
from probes.simfleet.config import default_config
from sloengine.budgets.models import Finding
from tests.scenarios.conftest import START

TRACES = Path(__file__).parents[3] / "shared" / "traces"
pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


def expect_silence(world, pager):
    world.advance(timedelta(hours=2))
    assert list(Finding.objects.exclude(severity="info").values_list("fingerprint", "reason")) == []
    assert not Incident.objects.exists()
    assert pager.messages == []


def test_two_healthy_hours_open_nothing_and_wake_nobody(world, pager):
    expect_silence(world, pager)


@pytest.mark.skipif(
    not TRACES.exists(), reason="needs ../shared/traces: the Azure LLM inference traces are not part of the project"
)
def test_two_hours_of_real_traffic_open_nothing_and_wake_nobody(db, pager):
    """The traces' own 1-minute blocks, resampled under the diurnal curve: bursts as real clients make them."""
    fleet = default_config()
    trace = {
        "chat": str(TRACES / "AzureLLMInferenceTrace_conv.csv"),
        "code": str(TRACES / "AzureLLMInferenceTrace_code.csv"),
    }
    real = replace(fleet, services=tuple(replace(service, trace=trace.get(service.name)) for service in fleet.services))
    world = drills.build_world(organisation=default_organisation(), start=START, seed=1, pager=pager, config=real)
    try:
        expect_silence(world, pager)
    finally:
        world.close()
