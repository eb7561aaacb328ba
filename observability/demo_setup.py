"""What a platform in use has beside its fleet: a rota, pagers, routes, senders, a silence, planned work, a contract and budgets.

Nothing of it reaches outside: the pagers that are not the demo's own are off, or wait for a code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from incidents.actions.models import ActionDocument
from incidents.alerts.maintenance import Plan
from incidents.ingest import services as ingest
from incidents.ingest.models import Integration
from incidents.maintenance import services as maintenance
from incidents.oncall import services as oncall
from incidents.oncall.document import parse
from incidents.oncall.models import EscalationPolicy, Schedule
from incidents.oncall.queries import rota as rota_queries
from incidents.paging.endpoints import services as endpoints
from incidents.routing import services as routing
from incidents.silences import services as silences
from observability import fleet_actions
from observability.core import permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor
from probes.simfleet.config import default_config
from sloengine.cost.contracts import services as contracts
from sloengine.cost.tenantbudgets import services as spend_budgets

ZONE = "Europe/Paris"
ROTA = "Inference rota"
SENDER = "Cluster Prometheus"
ROUTES = """\
# The first route that fits is taken; `python manage.py route test team=storage` asks it.
routes:
  - {name: noise, match: ['alertname="Watchdog"'], drop: true}
  - {name: staging, match: ['environment="staging"'], urgency: info}
  - name: serving
    match: ['team="serving"']
    policy: %(policy)s
    routes:
      - {name: europe, match: ['region=~"eu-.*"'], group_by: [service, region], group_wait: 30s}
inhibit:
  - {name: the node is down, source: ['alertname="NodeDown"'], target: ['alertname="PodDown"'], equal: [node]}
topology: true
"""


def rota(*, organisation: Organisation, people: Sequence[User], now: datetime) -> Schedule:
    """The people in weekly turns from the Monday before `now` on, then all of them."""
    actor = permissions.system(organisation)
    monday = (now - timedelta(days=now.weekday())).date()
    document = {
        "zone": ZONE,
        "layers": [
            {
                "name": "weekly",
                "starts": f"{monday.isoformat()}T09:00",
                "members": [{"people": [person.username]} for person in people],
            }
        ],
    }
    schedule = oncall.save_schedule(
        organisation=organisation, name=ROTA, document=parse(document), actor=actor, now=now
    )
    policy = EscalationPolicy.objects.get(organisation=organisation, is_default=True)
    first = oncall.StepSpec([oncall.TargetSpec("schedule", schedule.slug)])
    everyone = oncall.StepSpec([oncall.TargetSpec("user", person.username) for person in people])
    oncall.save_policy(
        organisation=organisation,
        slug=policy.slug,
        name=policy.name,
        steps=[first, everyone],
        given=oncall.PolicySettings(is_default=True),
        actor=actor,
        now=now,
    )
    return schedule


def furnish(*, organisation: Organisation, people: Sequence[User], schedule: Schedule, now: datetime) -> None:
    """What is true today: an override, a swap and a note, pagers, routes, two senders, a silence, a planned maintenance."""
    actor = permissions.system(organisation)
    _change_of_hands(schedule, people, now)
    _pagers(organisation, people, actor, now)
    policy = EscalationPolicy.objects.get(organisation=organisation, is_default=True)
    routing.set_routes(organisation=organisation, text=ROUTES % {"policy": policy.slug}, actor=actor, now=now)
    silences.silence(
        organisation=organisation,
        matchers=[f'integration="{SENDER}"', 'alertname="NodeDiskFilling"'],
        starts_at=now,
        ends_at=now + timedelta(hours=20),
        comment="The disk of gpu-node-07 is exchanged tomorrow morning; ask Bob.",
        actor=permissions.of(people[1], organisation),
        now=now,
    )
    maintenance.plan(
        organisation=organisation,
        name="GPU drivers of the staging nodes",
        matchers=['environment="staging"'],
        when=Plan(
            first=(now + timedelta(hours=20)).astimezone(ZoneInfo(ZONE)).replace(minute=0, second=0, microsecond=0),
            length=timedelta(hours=2),
            zone=ZONE,
            rule="FREQ=WEEKLY",
        ),
        announce=timedelta(days=1),
        actor=permissions.of(people[0], organisation),
        now=now,
    )
    _senders(organisation, people[0], actor, now)
    _money(organisation, people[1], actor, now)


def bind_gateway(*, organisation: Organisation, url: str, secret: str, now: datetime) -> None:
    """Let people run actions on the fleet at `url`, once: what they change in the document afterwards stays theirs."""
    if not ActionDocument.objects.filter(organisation=organisation).exists():
        fleet_actions.bind(organisation=organisation, config=default_config(), url=url, secret=secret, now=now)


def _change_of_hands(schedule: Schedule, people: Sequence[User], now: datetime) -> None:
    evening = (now + timedelta(days=1)).astimezone(ZoneInfo(ZONE)).replace(hour=18, minute=0, second=0, microsecond=0)
    turns = rota_queries.plan(schedule=schedule, start=now, end=now + timedelta(days=21)).shifts(
        start=now, end=now + timedelta(days=21)
    )
    known = {person.username: permissions.of(person, schedule.organisation) for person in people}
    on_call, after = (known[turn.people[0]] for turn in turns[:2])
    taker = next(name for name in known if name not in {on_call.name, after.name})
    oncall.add_override(
        schedule=schedule,
        username=taker,
        starts_at=evening,
        ends_at=evening + timedelta(hours=4),
        reason="a concert",
        actor=on_call,
        now=now,
    )
    oncall.add_note(
        schedule=schedule,
        text="chat has half of its first-token budget left after the traffic spike.\n"
        "Watch the queue when the batch jobs start at 02:00.",
        actor=on_call,
        now=now,
    )
    oncall.ask_swap(
        schedule=schedule,
        window=(turns[1].start, turns[1].start + timedelta(days=1)),
        note="I travel that day.",
        actor=after,
        now=now,
    )


def _pagers(organisation: Organisation, people: Sequence[User], actor: Actor, now: datetime) -> None:
    """A telephone that waits for its code, a mailbox and a room that are off: what they need is the reader's own."""
    room = "https://hooks.slack.com/services/T000/B000/example"
    for entered, off in (
        (endpoints.Entered(kind="sms", name="Phone", user=people[0], address="+447700900123"), False),
        (
            endpoints.Entered(kind="email", name="Mail", user=people[1], address=f"{people[1].username}@example.com"),
            True,
        ),
        (endpoints.Entered(kind="slack", name="#inference-incidents", user=None, secret=room), True),
    ):
        endpoint, _ = endpoints.add(organisation=organisation, entered=entered, actor=actor, now=now)
        if off:
            endpoints.switch(endpoint=endpoint, enabled=False, actor=actor, now=now)


def _senders(organisation: Organisation, owner: User, actor: Actor, now: datetime) -> None:
    prometheus, _ = ingest.add_integration(
        organisation=organisation, kind=Integration.Kind.ALERTMANAGER, name=SENDER, owner=owner, actor=actor, now=now
    )
    evaluation, _ = ingest.add_integration(
        organisation=organisation,
        kind=Integration.Kind.HEARTBEAT,
        name="Nightly evaluation",
        owner=owner,
        actor=actor,
        now=now,
        expect_seconds=26 * 3600,
    )
    common = {"status": "firing", "startsAt": (now - timedelta(minutes=40)).isoformat()}
    alerts = (
        (
            {"alertname": "NodeDiskFilling", "node": "gpu-node-07", "severity": "info"},
            "The disk of gpu-node-07 is full in 3 days",
        ),
        ({"alertname": "Watchdog", "severity": "none"}, "Always fires: the way from Prometheus to here works"),
        (
            {"alertname": "PodRestarts", "environment": "staging", "team": "serving", "severity": "info"},
            "chat-canary restarted 4 times in an hour",
        ),
    )
    body = {
        "version": "4",
        "groupKey": "demo",
        "alerts": [{**common, "labels": labels, "annotations": {"summary": said}} for labels, said in alerts],
    }
    for integration, document in ((prometheus, json.dumps(body)), (evaluation, "")):
        ingest.receive(integration=integration, envelope=ingest.Envelope(document.encode()), now=now)


#: What the simulated fleet uses on a day, rounded: before its past begins it is taken to have been the same.
TOKENS_A_DAY = 830_000_000
PAST_DAYS = 29


def _money(organisation: Organisation, owner: User, actor: Actor, now: datetime) -> None:
    """A contract of this year that is used up before its quarter ends, a budget within its limits and one near them."""
    quarter = date(now.year, (now.month - 1) // 3 * 3 + 1, 1)
    counted_from = max(now.date() - timedelta(days=PAST_DAYS), quarter)
    contracts.put(
        organisation=organisation,
        given={
            "name": f"Inference {now.year}",
            "starts_on": f"{now.year}-01-01",
            "ends_on": f"{now.year}-12-31",
            "period": "quarter",
            "commitment_tokens": "70_000_000_000",
            "rate": "0.07",
            "overage_rate": "0.085",
            "overage_cap_ratio": "0.10",
            "rate_beyond": "0.11",
            "currency": "USD",
            "owner": owner.username,
            "country": "FR",
            "zone": ZONE,
            "carried_tokens": str((counted_from - quarter).days * TOKENS_A_DAY),
            "counted_from": counted_from.isoformat(),
        },
        actor=actor,
        now=now,
    )
    for name, who, window, soft, hard in (
        ("IDE plugin, monthly", "ide-plugin", "month", "550000", "700000"),
        ("Support desk, weekly", "support-desk", "7d", "45000", "60000"),
    ):
        given = {"name": name, "scope": "tenant", "who": who, "window": window, "soft_usd": soft, "hard_usd": hard}
        spend_budgets.put(organisation=organisation, given={**given, "owner": owner.username}, actor=actor, now=now)
