"""Acme with a service, people of every rank, and a gateway on this machine that takes its orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from incidents.actions import services as actions
from incidents.actions.models import ActionRun
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation, Role, User
from observability.core.permissions import Actor
from sloengine.catalog.models import Service
from tests import factories
from tests.conftest import NOW
from tests.incidents.paging.vendors import Vendor, vendor

SECRET = "s3cret"


@dataclass
class Acme:
    organisation: Organisation
    service: Service
    ana: User  # administrator
    bob: User  # responder
    cleo: User  # commander by role
    dan: User  # commander by role
    gateway: Vendor
    incident: Incident

    def by(self, user: User) -> Actor:
        return permissions.of(user, self.organisation)

    def document(self, **given: Any) -> str:
        """Tighten admission through the gateway; `given` are more keys of the binding, or `kind` of the executor."""
        executors = {
            "webhook": f'{{kind: webhook, url: "{self.gateway.url}/control/{{service}}", secret: gateway}}',
            "github": f'{{kind: github, repository: acme/serving, workflow: w.yml, token: gateway, url: "{self.gateway.url}"}}',
        }
        lines = [f"    {key}: {value}" for key, value in given.items() if key != "kind"]
        binding = ["  - service: chat", "    action: tighten_admission", "    executor: gateway"]
        limits = "    parameters: {limits: {live: 90, bulk: 5}}"
        head = f"executors:\n  gateway: {executors[given.get('kind', 'webhook')]}\nbindings:"
        return "\n".join([head, *binding, limits, *lines, ""])

    def bind(self, **given: Any) -> None:
        actions.set_document(
            organisation=self.organisation, text=self.document(**given), actor=self.by(self.ana), now=NOW
        )

    def propose(self, *, now: datetime = NOW, by: User | None = None) -> ActionRun:
        return actions.propose(
            incident=self.incident, action="tighten_admission", actor=self.by(by or self.bob), now=now
        )

    def started(self, *, now: datetime = NOW) -> ActionRun:
        return actions.approve(run=self.propose(now=now), actor=self.by(self.cleo), now=now, go=True)


@pytest.fixture
def acme(db, settings) -> Iterator[Acme]:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    organisation = factories.make_organisation("acme")
    ana, bob, cleo, dan = (
        factories.make_user(organisation, username=name, role=role)
        for name, role in (
            ("ana", Role.ADMIN), ("bob", Role.RESPONDER), ("cleo", Role.COMMANDER), ("dan", Role.COMMANDER),
        )
    )  # fmt: skip
    service = factories.make_service(organisation, slug="chat")
    incident = factories.make_incident(service)
    Incident.objects.filter(pk=incident.pk).update(leaf="traffic-spike")
    incident.refresh_from_db()
    with vendor() as gateway:
        acme = Acme(organisation, service, ana, bob, cleo, dan, gateway, incident)
        admin = acme.by(ana)
        actions.keep_secret(organisation=organisation, name="gateway", value=SECRET, actor=admin, now=NOW)
        actions.turn(organisation=organisation, on=True, actor=admin, now=NOW)
        acme.bind()
        yield acme
