from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from observability.core.models import Organisation, User
from probes.simfleet.fleet import default_config
from probes.simfleet.server import FleetServer
from tests.factories import make_organisation, make_pager, make_policy, make_service, make_user


@pytest.fixture(scope="module")
def running() -> Iterator[FleetServer]:
    server = FleetServer(default_config(), port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fleet(running: FleetServer, settings: Any) -> Iterator[FleetServer]:
    """A fleet that really runs; what a test breaks is whole again after it."""
    settings.TAILWATCH_DEMO_FLEET_URL = running.url
    yield running
    running.end_faults()


@pytest.fixture
def acme(db: None) -> Organisation:
    """Alice is on call with a real pager; three simulated services and a real one."""
    made = make_organisation("acme")
    alice = make_user(made, username="alice")
    make_pager(alice, made, url="https://pager.example/alice")
    make_policy(made, alice)
    for slug in ("chat", "code", "batch"):
        make_service(made, slug=slug, simulated=True)
    make_service(made, slug="billing")
    return made


@pytest.fixture
def bob(acme: Organisation) -> User:
    """He takes part, and has a real pager, too."""
    made = make_user(acme, username="bob")
    make_pager(made, acme, url="https://pager.example/bob")
    return made
