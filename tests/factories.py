"""One of each row, with what a test does not care about filled in: one function a noun.

Whatever has a moment takes `now`; the default is the test suite's NOW. Names count up, so two calls give two rows.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from incidents.ingest import services as ingest
from incidents.ingest.models import Integration
from incidents.oncall.document import parse
from incidents.oncall.models import EscalationPolicy, Schedule
from incidents.oncall.services import save_schedule, set_policy
from incidents.paging import services as paging
from incidents.paging.models import PagerEndpoint
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import permissions
from observability.core.models import Membership, Organisation, Role, Team, User
from sloengine.budgets.models import Finding, TallyBlock, TallyHour, TallyPlace
from sloengine.budgets.tallies import sums
from sloengine.catalog.models import Change, Deployment, Service
from sloengine.collect.models import MetricSource
from sloengine.cost.ledger.meters import Quantities, Slice
from sloengine.cost.ledger.services import write_hour
from sloengine.cost.models import Price
from sloengine.objectives.models import Objective

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
_numbers = itertools.count(1)


# ---- core ---------------------------------------------------------------------------------------------------------


def make_organisation(slug: str = "") -> Organisation:
    slug = slug or f"organisation-{next(_numbers)}"
    return Organisation.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()})[0]


def make_organisation_on_call(slug: str) -> Organisation:
    """Ana is paged, on a pager that refuses every connection."""
    organisation = make_organisation(slug)
    ana = make_user(organisation, username="ana")
    make_pager(ana, organisation, url="http://127.0.0.1:1/")
    make_policy(organisation, ana)
    return organisation


def make_user(organisation: Organisation, *, username: str = "", role: Role = Role.RESPONDER) -> User:
    username = username or f"person-{next(_numbers)}"
    user = User.objects.create(username=username, display_name=username.capitalize(), date_joined=NOW)
    Membership.objects.create(organisation=organisation, user=user, role=role)
    return user


def make_team(organisation: Organisation, *, slug: str = "") -> Team:
    slug = slug or f"team-{next(_numbers)}"
    return Team.objects.create(organisation=organisation, slug=slug, name=slug.capitalize())


# ---- sloengine ----------------------------------------------------------------------------------------------------


def make_service(
    organisation: Organisation, *, slug: str = "", team: Team | None = None, simulated: bool = False
) -> Service:
    slug = slug or f"service-{next(_numbers)}"
    return Service.objects.create(
        organisation=organisation, slug=slug, name=slug.capitalize(), team=team, simulated=simulated
    )


def make_source(
    organisation: Organisation, *, name: str = "", url: str = "", kind: str = "memory", **given: Any
) -> MetricSource:
    """A source of readings; of kind memory it reads what `recorded.register(name, ...)` was given."""
    name = name or f"source-{next(_numbers)}"
    return MetricSource.objects.create(
        organisation=organisation, name=name, kind=kind, url=url or f"memory:{name}", **given
    )


def make_deployment(service: Service, *, version: str = "1", now: datetime = NOW, **given: Any) -> Deployment:
    """What served in the last hour up to `now`."""
    fields = {"region": "eu", "model": "m", "config_hash": "", "seen_from": now - timedelta(hours=1), "seen_until": now}
    return Deployment.objects.create(service=service, version=version, **{**fields, **given})


def make_change(service: Service, *, kind: str = "deploy", now: datetime = NOW, **given: Any) -> Change:
    """Version 1 became version 2 at `now`."""
    fields: dict[str, Any] = {"before": {"version": "1"}, "after": {"version": "2"}}
    return Change.objects.create(service=service, kind=kind, at=now, **{**fields, **given})


def make_usage(service: Service, *, at: datetime = NOW, price: str = "", **given: Any) -> None:
    """An hour's row of the ledger; what names no slice is a quantity: make_usage(chat, tenant="acme", output=1000, price="0.11")."""
    words = {name: given.pop(name) for name in Slice.__dataclass_fields__ if name in given}
    write_hour(service=service, at=at, usage={Slice(**words): Quantities(**given)})
    if price:
        make_price(service, usd=price, at=at)


def make_price(service: Service, *, usd: str, at: datetime = NOW, **given: Any) -> Price:
    """Per 1,000 tokens of any class from `at` on."""
    fields = {"unit": "1k_tokens", "token_class": "any", "effective_from": at}
    return Price.objects.create(
        organisation=service.organisation, service=service, usd=Decimal(usd), **{**fields, **given}
    )


def make_finding(
    service: Service | None, *, organisation: Organisation | None = None, now: datetime = NOW, **given: Any
) -> Finding:
    """A firing burn that asks for a page, since `now`."""
    owner = organisation or (service.organisation if service is not None else make_organisation())
    number = next(_numbers)
    fields: dict[str, Any] = {
        "kind": "burn",
        "fingerprint": f"burn:{number}",
        "severity": "page",
        "state": "firing",
        "since": now,
        "changed_at": now,
        "reason": "burns its budget 20 times too fast",
        "evidence": {"objective": "ttft", "impact_start": (now - timedelta(minutes=3)).isoformat()},
    }
    return Finding.objects.create(organisation=owner, service=service, **{**fields, **given})


def make_objective(service: Service, *, slug: str = "", now: datetime = NOW, **given: Any) -> Objective:
    """First tokens within 250 ms for 95 % of a minute's requests, in 99.5 % of minutes."""
    fields: dict[str, Any] = {
        "title": "First token",
        "indicator": "ttft",
        "method": "timeslices",
        "threshold": 0.25,
        "target": Decimal("0.995"),
        "slice_target": 0.95,
        "created_at": now,
        "changed_at": now,
    }
    slug = slug or f"objective-{next(_numbers)}"
    return Objective.objects.create(
        organisation=service.organisation, service=service, slug=slug, **{**fields, **given}
    )


def clear_finding(finding: Finding, *, now: datetime) -> Finding:
    """The same finding, cleared at `now`."""
    finding.state, finding.cleared_at, finding.changed_at = "cleared", now, now
    finding.save()
    return finding


def make_tally(objective: Objective, *, at: datetime, good: float, total: float, covered_seconds: float) -> None:
    """The sums of an objective of occurrences at an instant, in a block of its own; the first call is where it began."""
    place = TallyPlace.objects.filter(objective=objective).first()
    matrix = np.array([[good], [total], [good], [total], [covered_seconds], [1.0], [at.timestamp()]])
    if place is None:
        block = TallyBlock.objects.create(organisation=objective.organisation, number=next(_numbers))
        base = matrix[:, 0].tobytes()
        place = TallyPlace.objects.create(objective=objective, block=block, position=0, began_at=at, base=base)
    TallyHour.objects.create(block_id=place.block_id, at=at, sums=sums.written(matrix))


# ---- incidents ----------------------------------------------------------------------------------------------------


def make_incident(
    service: Service | None = None,
    *,
    organisation: Organisation | None = None,
    severity: Severity = Severity.SEV2,
    now: datetime = NOW,
    title: str = "First tokens are late",
    group_key: str = "",
) -> Incident:
    """An open incident that nobody has been paged for."""
    owner = organisation or (service.organisation if service is not None else make_organisation())
    return response.open_incident(
        organisation=owner,
        service=service,
        title=title,
        severity=severity,
        actor=permissions.system(owner),
        now=now,
        group_key=group_key,
        impact_started_at=now - timedelta(minutes=3),
    )


def make_pager(
    user: User, organisation: Organisation, *, url: str, name: str = "Phone", now: datetime = NOW
) -> PagerEndpoint:
    """A webhook that reaches `user` at `url`."""
    actor = permissions.system(organisation)
    return paging.add_endpoint(organisation=organisation, user=user, url=url, name=name, actor=actor, now=now)[0]


def make_policy(
    organisation: Organisation, *people: User, service: Service | None = None, team: Team | None = None, **given: Any
) -> EscalationPolicy:
    """Tell these people in this order, 5 minutes apart."""
    return set_policy(
        organisation=organisation,
        people=people,
        actor=permissions.system(organisation),
        now=NOW,
        service=service,
        team=team,
        **given,
    )


def make_integration(
    organisation: Organisation, *, kind: str = "alertmanager", name: str = "", now: datetime = NOW, **options: Any
) -> tuple[Integration, str]:
    """An integration and its key; a heartbeat is expected every minute."""
    if kind == "heartbeat":
        options.setdefault("expect_seconds", 60)
    return ingest.add_integration(
        organisation=organisation,
        kind=Integration.Kind(kind),
        name=name or f"integration-{next(_numbers)}",
        owner=None,
        actor=permissions.system(organisation),
        now=now,
        **options,
    )


def make_schedule(
    organisation: Organisation, *people: User, name: str = "Primary", now: datetime = NOW, **given: Any
) -> Schedule:
    """These people by the week from Monday 09:00 UTC on, around the clock; `layers` replaces that, see docs/oncall.md."""
    members = [{"people": [person.username]} for person in people]
    weekly = {"name": "weekly", "unit": "weekly", "starts": "2026-11-02T09:00", "members": members}
    document = {"zone": given.pop("zone", "UTC"), "layers": given.pop("layers", None) or [weekly]}
    return save_schedule(
        organisation=organisation,
        name=name,
        document=parse(document),
        actor=permissions.system(organisation),
        now=now,
        **given,
    )
