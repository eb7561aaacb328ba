"""Worlds for tests that look at whole pages: a small one, written through the services as far as they go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.test import Client

from incidents.oncall import services as oncall
from incidents.paging.models import Delivery, DemoMessage, Page, PagerEndpoint
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability import demo_setup
from observability.core import permissions
from observability.core.models import Membership, Organisation, Role, User
from sloengine.catalog.models import Change, Service
from sloengine.objectives import services as objectives

PASSWORD = "correct horse battery staple"
DIAGNOSIS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "incidents" / "response" / "diagnosis.json").read_text()
)


@dataclass(frozen=True, slots=True)
class World:
    """One organisation with three services, people of each role, one open incident and one resolved."""

    organisation: Organisation
    people: dict[str, User]
    services: dict[str, Service]
    incident: Incident
    resolved: Incident

    def client(self, role: str) -> Client:
        """A browser in which the person of this role is logged in."""
        client = Client()
        client.force_login(self.people[role])
        return client


def make_person(*, organisation: Organisation, username: str, role: str, now: datetime) -> User:
    user = User.objects.create_user(username=username, password=PASSWORD, date_joined=now)
    Membership.objects.create(organisation=organisation, user=user, role=role)
    return user


def make_incident(
    *,
    organisation: Organisation,
    service: Service | None,
    now: datetime,
    number_key: str,
    title: str = "chat burns its TTFT budget 20.1 times too fast",
) -> Incident:
    incident = response.open_incident(
        organisation=organisation,
        service=service,
        title=title,
        severity=Severity.SEV2,
        actor=permissions.system(organisation),
        now=now,
        group_key=number_key,
        impact_started_at=now - timedelta(minutes=3),
        detected_at=now - timedelta(seconds=40),
    )
    incident.diagnosis = DIAGNOSIS
    incident.headline, incident.leaf, incident.runbook = DIAGNOSIS["headline"], DIAGNOSIS["leaf"], DIAGNOSIS["runbook"]
    incident.confidence, incident.tree_version = DIAGNOSIS["confidence"], DIAGNOSIS["version"]
    incident.simulated = True
    incident.save()
    return incident


def small_world(*, now: datetime) -> World:
    organisation = Organisation.objects.create(slug="acme", name="Acme")
    people = {
        role: make_person(organisation=organisation, username=name, role=role, now=now)
        for name, role in (
            ("vera", Role.VIEWER),
            ("alice", Role.RESPONDER),
            ("bob", Role.COMMANDER),
            ("ada", Role.ADMIN),
            ("lea", Role.LEADERSHIP),
            ("otto", Role.AUDITOR),
            ("rita", Role.RELEASE_ENGINEER),
        )
    }
    services = {
        slug: Service.objects.create(organisation=organisation, slug=slug, name=slug, simulated=True)
        for slug in ("chat", "code", "batch")
    }
    system = permissions.system(organisation)
    for role in (Role.RESPONDER, Role.COMMANDER):
        PagerEndpoint.objects.create(
            organisation=organisation,
            user=people[role],
            kind="demo",
            name="phone",
            url="http://127.0.0.1:9/",
            secret="s",
            created_at=now,
        )
    oncall.set_policy(
        organisation=organisation,
        people=[people[Role.RESPONDER], people[Role.COMMANDER]],
        actor=system,
        now=now,
        name="Inference",
    )
    Change.objects.create(
        service=services["chat"],
        kind="deploy",
        at=now - timedelta(minutes=9),
        before={"version": "v7.1"},
        after={"version": "v7.2"},
    )
    objectives.apply_library(organisation=organisation, actor=system, now=now)
    earlier = make_incident(
        organisation=organisation, service=services["chat"], now=now - timedelta(days=2), number_key="old"
    )
    response.acknowledge(incident=earlier, actor=system, now=now - timedelta(days=2) + timedelta(minutes=2))
    response.mitigate(incident=earlier, actor=system, now=now - timedelta(days=2) + timedelta(minutes=11))
    resolved = response.resolve(incident=earlier, actor=system, now=now - timedelta(days=2) + timedelta(minutes=20))
    incident = make_incident(
        organisation=organisation, service=services["chat"], now=now - timedelta(minutes=2), number_key="chat"
    )
    response.page(incident=incident, now=now - timedelta(minutes=2))
    for page in Page.objects.filter(incident=incident):
        Delivery.objects.create(
            organisation=organisation,
            page=page,
            attempt=1,
            at=now - timedelta(seconds=110),
            outcome="try_again",
            status_code=503,
            error="HTTP 503: busy",
            seconds=0.4,
        )
        Delivery.objects.create(
            organisation=organisation,
            page=page,
            attempt=2,
            at=now - timedelta(seconds=100),
            outcome="accepted",
            status_code=200,
            seconds=0.021,
        )
        Page.objects.filter(pk=page.pk).update(
            state="sent", sent_at=now - timedelta(seconds=100), attempts=2, recorded=2
        )
        _ring(page, now)
    return World(
        organisation,
        {str(role): user for role, user in people.items()},
        services,
        Incident.objects.get(pk=incident.pk),
        resolved,
    )


def furnish(world: World, *, now: datetime) -> None:
    """What the demo has beside its fleet, too: a rota, pagers, routes, senders, a silence, planned work."""
    people = [world.people[role] for role in (Role.RESPONDER, Role.COMMANDER, Role.ADMIN)]
    schedule = demo_setup.rota(organisation=world.organisation, people=people, now=now - timedelta(days=7))
    demo_setup.furnish(organisation=world.organisation, people=people, schedule=schedule, now=now)


def _ring(page: Page, now: datetime) -> None:
    payload = {
        "text": f"SEV2 INC-{page.incident.number} chat: {page.incident.headline}",
        "kind": page.kind,
        "recipient": str(page.user),
        "reason": page.reason,
        "repeated": False,
        "incident": {"number": page.incident.number, "headline": page.incident.headline, "simulated": True},
        "links": {
            "incident": f"http://127.0.0.1:8000/incidents/{page.incident.number}/",
            "acknowledge": "http://127.0.0.1:8000/ack/some-token/",
        },
    }
    DemoMessage.objects.create(
        organisation=page.organisation,
        endpoint=page.endpoint,
        received_at=now - timedelta(seconds=100),
        dedup_key=page.dedup_key,
        payload=payload,
    )


#: Columns of a history, as COPY takes them.
_INCIDENT = (
    "id", "organisation_id", "number", "service_id", "group_key", "title", "headline", "severity", "state", "impact_started_at",
    "detected_at", "opened_at", "first_paged_at", "acknowledged_at", "mitigated_at", "resolved_at", "changed_at", "resolved_reason",
    "leaf", "runbook", "diagnosis", "escalation", "escalation_run", "simulated", "drill",
)  # fmt: skip
_ENTRY = ("organisation_id", "incident_id", "at", "kind", "actor", "actor_kind", "payload")
_LEAVES = ("kv-cache-exhaustion", "traffic-spike", "decode-slowdown", "one-slow-replica", "replica-outage")
_KINDS = (
    ("alert_joined", {"title": "chat burns its budget", "state": "firing", "reason": "joined: same service"}),
    ("paged", {"user": "alice", "channel": "phone", "reason": "first responder"}),
    ("note", {"text": "Looking at the queue of the second replica; it grows since the roll-out."}),
    ("status_update", {"audience": "inside", "text": "Fewer requests are slow since 10:20."}),
)


def write_history(
    connection: psycopg.Connection[Any],
    *,
    organisation: Organisation,
    services: Sequence[Service],
    incidents: int,
    entries: int,
    now: datetime,
) -> None:
    """Years of incidents, one each ten minutes up to `now`, the newest twenty open, and so many timeline entries each; by COPY.

    `connection` is the administrator's: the rows refer to each other as they should, and are not asked whether they do.
    """
    documents = [
        json.dumps({**DIAGNOSIS, "leaf": leaf, "title": leaf.replace("-", " ").capitalize()}) for leaf in _LEAVES
    ]
    kinds = [(kind, json.dumps(payload)) for kind, payload in _KINDS]
    first = now - timedelta(minutes=10 * incidents)
    ids = range(1_000_000, 1_000_000 + incidents)
    connection.execute("SET session_replication_role = replica")
    with connection.cursor() as cursor, cursor.copy(_copy("incidents_incident", _INCIDENT)) as copy:
        for number, pk in enumerate(ids, start=1):
            at = first + timedelta(minutes=10 * number)
            over = None if number > incidents - 20 else at + timedelta(minutes=8)
            leaf = _LEAVES[number % len(_LEAVES)]
            title = f"{services[number % len(services)].name} burns its budget {number % 90} times too fast"
            copy.write_row((
                pk, organisation.pk, 1000 + number, services[number % len(services)].pk, f"old:{number}", title,
                f"{leaf} on {number % 7} replicas", 2 + number % 3, "open" if over is None else "resolved",
                at - timedelta(minutes=3), at, at, at, over and at + timedelta(minutes=2), over, over, over or at, "",
                leaf, leaf, documents[number % len(documents)], "{}", 1, False, False,
            ))  # fmt: skip
    # Millions of lines: written as the text that COPY reads.
    lines = [f"\t{kind}\ttailwatch\tsystem\t{payload}\n" for kind, payload in kinds]
    with connection.cursor() as cursor, cursor.copy(_copy("incidents_timelineentry", _ENTRY)) as copy:
        for number, pk in enumerate(ids, start=1):
            begin = first + timedelta(minutes=10 * number)
            head = f"{organisation.pk}\t{pk}\t{begin:%Y-%m-%d %H:}"
            copy.write(
                "".join(
                    f"{head}{begin.minute + turn // 12 % 8:02}:{5 * turn % 60:02}+00{lines[turn % len(lines)]}"
                    for turn in range(entries)
                )
            )
    connection.execute("SET session_replication_role = DEFAULT")
    for table in ("incidents_incident", "incidents_timelineentry"):
        connection.execute(f"VACUUM ANALYZE {table}")


def _copy(table: str, columns: Sequence[str]) -> str:
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN"
