"""What a platform needs before it can watch the simulated fleet: people, services, objectives, prices.

The demo, the drills and the scenarios install the same things, so what one shows the others have tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from incidents.oncall import services as oncall
from observability.core import permissions
from observability.core.models import Membership, Organisation, Role, User
from observability.core.permissions import Actor
from observability.core.services import create_user
from probes.simfleet.config import FleetConfig
from sloengine.catalog.models import Service
from sloengine.cost import services as cost
from sloengine.objectives import services as objectives

#: In the order in which they are paged.
PEOPLE = (
    ("alice", "Alice Moreau", Role.COMMANDER, "Europe/Paris"),
    ("bob", "Bob Okafor", Role.RESPONDER, "Africa/Lagos"),
    ("carol", "Carol Lindqvist", Role.RESPONDER, "Europe/Stockholm"),
)

#: REQUIREMENTS R13: 8-bit 0.065, 16-bit 0.11 a thousand tokens. The simulated `code` runs in 8 bit.
USD_PER_1K_TOKENS = {"code": Decimal("0.065")}
DEFAULT_USD_PER_1K_TOKENS = Decimal("0.11")

GivePager = Callable[[User, Actor, datetime], object]


@dataclass(frozen=True, slots=True)
class Installed:
    people: tuple[User, ...]
    services: tuple[Service, ...]


def install(
    *, organisation: Organisation, config: FleetConfig, now: datetime, give_pager: GivePager, after_seconds: int = 300
) -> Installed:
    """People on call with the pagers that `give_pager` gives them, the fleet's services, the shipped objectives, prices. Twice is once."""
    actor = permissions.system(organisation)
    people = tuple(_person(organisation, username, name, role, zone, now) for username, name, role, zone in PEOPLE)
    for person in people:
        give_pager(person, actor, now)
    oncall.set_policy(
        organisation=organisation,
        people=people,
        actor=actor,
        now=now,
        name="Inference on call",
        after_seconds=after_seconds,
    )
    services = tuple(
        Service.objects.get_or_create(
            organisation=organisation, slug=service.name, defaults={"name": service.name, "simulated": True}
        )[0]
        for service in config.services
    )
    objectives.apply_library(organisation=organisation, actor=actor, now=now)
    for service in services:
        usd = USD_PER_1K_TOKENS.get(service.slug, DEFAULT_USD_PER_1K_TOKENS)
        cost.set_price(organisation=organisation, service=service, usd=usd, effective_from=now, actor=actor, now=now)
    return Installed(people, services)


def _person(organisation: Organisation, username: str, name: str, role: Role, zone: str, now: datetime) -> User:
    known = User.objects.filter(username=username).first()
    if known is None:
        known, _ = create_user(
            organisation=organisation,
            username=username,
            role=role,
            now=now,
            signs_in=False,
            display_name=name,
            email=f"{username}@example.com",
        )
        known.time_zone = zone
        known.save(update_fields=["time_zone"])
    Membership.objects.get_or_create(organisation=organisation, user=known, defaults={"role": role})
    return known
