"""The six simulated faults, from the fleet through probe, collection and rollups to a leaf; only the Finding is made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from incidents.diagnosis import services
from incidents.response.models import Incident
from observability.virtual import AgentSource, FleetTransport, probe_config
from probes.agent import Agent
from probes.simfleet.faults import FAULTS
from probes.simfleet.fleet import Fleet, default_config
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_due
from sloengine.sources import recorded
from tests.factories import make_finding, make_incident, make_organisation

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]

START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
TICK = timedelta(seconds=15)
QUIET = timedelta(minutes=6)

FINDINGS = {
    "traffic-spike": {"kind": "burn", "severity": "page", "indicator": "ttft"},
    "long-prompt-flood": {"kind": "burn", "severity": "page", "indicator": "ttft"},
    "decode-slowdown": {"kind": "burn", "severity": "page", "indicator": "inter_token"},
    "quality-regression": {"kind": "burn", "severity": "page", "indicator": "quality"},
    "runaway-tenant": {"kind": "cost", "severity": "ticket", "indicator": ""},
    "replica-outage": {"kind": "burn", "severity": "page", "indicator": "availability"},
}


@dataclass
class Stage:
    """A fleet, its probe, and collection; `now` moves only by `play`."""

    fleet: Fleet
    agent: Agent
    now: datetime = START

    def play(self, span: timedelta) -> None:
        end = self.now + span
        while self.now < end:
            self.now += TICK
            self.fleet.advance(self.now.timestamp())
            self.agent.tick(self.now.timestamp())
            collect_due(now=self.now)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    organisation = make_organisation()
    fleet = Fleet(default_config(), seed=7, start=START.timestamp())
    agent = Agent(probe_config(fleet.config), FleetTransport(fleet), started=START.timestamp())
    name = f"stage {organisation.slug}"
    recorded.register(name, AgentSource(agent))
    MetricSource.objects.create(
        organisation=organisation, name=name, kind=MetricSource.Kind.MEMORY, url=f"memory:{name}", simulated=True
    )
    return Stage(fleet, agent)


@pytest.mark.parametrize("fault", FINDINGS)
def test_a_simulated_fault_is_diagnosed(stage: Stage, fault: str) -> None:
    stage.play(QUIET)
    impact = stage.now
    stage.fleet.start_fault(fault)
    stage.play(timedelta(seconds=90))
    service = Service.objects.get(slug=FAULTS[fault].service)
    found = FINDINGS[fault]
    evidence = {
        "objective": found["indicator"],
        "indicator": found["indicator"],
        "burn_rate_long": 20.1,
        "threshold": 14.4,
        "impact_start": impact.isoformat(),
    }
    make_finding(service, now=stage.now, kind=found["kind"], severity=found["severity"], evidence=evidence)
    incident = make_incident(service, now=stage.now)
    diagnosis = services.diagnose(incident=incident, now=stage.now)
    stored = Incident.objects.get(pk=incident.pk)
    assert stored.leaf == FAULTS[fault].expected_leaf, (diagnosis.path, stored.headline)
    assert stored.confidence is not None
    assert stored.confidence > 0.7
    assert stored.check_runs.get().runbook == stored.runbook
    assert [entry.kind for entry in stored.timeline.all()][-2:] == ["decided", "diagnosed"]
