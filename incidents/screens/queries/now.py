"""The Now page in one go: what fires, how each service stands, what changed, who is on call."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Prefetch

from incidents.demo.queries import Reveal, last_break
from incidents.oncall.queries.policies import Told, people_by_target, read, with_steps
from incidents.paging.models import EscalationStep, Page, PagerEndpoint
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from incidents.screens import board as pure
from incidents.screens.changes import describe
from incidents.screens.queries.lists import leaf_title
from observability.core import words
from observability.core.models import Organisation
from sloengine import charts
from sloengine.budgets.models import Finding
from sloengine.budgets.queries import BudgetStatus, statuses
from sloengine.catalog.models import Service
from sloengine.catalog.queries import changes_between
from sloengine.cost.prices import PriceRow
from sloengine.cost.queries import CostPer1k, cost_per_1k, price_rows
from sloengine.objectives.models import Objective
from sloengine.rollups import queries as rollups
from sloengine.rollups.thinning import TICK_SECONDS
from sloengine.rollups.windows import quantile

P95_WINDOW = timedelta(minutes=5)
NEWEST = timedelta(minutes=1)
SPARK_WINDOW = timedelta(minutes=30)
QUALITY_WINDOW = timedelta(minutes=30)
COST_WINDOW = timedelta(hours=1)
STEP_SECONDS = 60
INCIDENTS = 20
CHANGES = 12
#: Promises on time that the newest minute is held against, with the words for them; the first that is missed is said.
GLIMPSES = {"ttft": ("ttft_seconds", "p95"), "inter_token": ("inter_token_seconds", "next token p95")}
STAGES = ("queue_seconds", "prefill_seconds", "decode_seconds")


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An unresolved incident as Now shows it."""

    incident: Incident
    leaf_title: str
    since: datetime
    said: str
    status: str


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the Now page says."""

    headline: str
    rest: str
    rows: tuple[pure.ServiceRow, ...]
    incidents: tuple[OpenIncident, ...]
    more_incidents: bool
    changes: tuple[pure.ChangeRow, ...]
    watches: tuple[pure.Watch, ...]
    reveal: Reveal | None


def board(*, organisation: Organisation, now: datetime) -> Board:
    """The Now page at `now`."""
    with rollups.snapshot():
        rows = tuple(_service_rows(organisation, now))
    found = open_incidents(organisation=organisation, now=now)
    return Board(
        headline=pure.headline(rows, len(found)),
        rest=pure.rest(rows),
        rows=rows,
        incidents=found[:INCIDENTS],
        more_incidents=len(found) > INCIDENTS,
        changes=recent_changes(organisation=organisation, now=now),
        watches=watches(organisation=organisation, now=now),
        reveal=last_break(organisation=organisation, now=now),
    )


def _service_rows(organisation: Organisation, now: datetime) -> list[pure.ServiceRow]:
    services = list(Service.objects.filter(organisation=organisation))
    fires: dict[int, list[pure.Fire]] = defaultdict(list)
    for finding in Finding.objects.firing().filter(organisation=organisation, service__isnull=False):
        fires[finding.service_id or 0].append(
            pure.Fire(finding.kind, finding.severity, finding.evidence.get("burn_rate_long"))
        )
    promises = Objective.objects.enabled().filter(organisation=organisation).select_related("service")
    objectives = list(promises.order_by("service__slug", "slug"))
    budgets: dict[str, list[BudgetStatus]] = defaultdict(list)
    for status in statuses(objectives=objectives, now=now):
        budgets[status.service].append(status)
    prices = price_rows(organisation_id=organisation.pk)
    # Windows end on a tick, so that who asks again before the next one is answered from memory.
    tick = datetime.fromtimestamp(now.timestamp() // TICK_SECONDS * TICK_SECONDS, now.tzinfo)
    return [
        _service_row(
            service,
            fires[service.pk],
            budgets[service.slug],
            [one for one in objectives if one.service_id == service.pk],
            prices,
            tick,
        )
        for service in services
    ]


def _service_row(
    service: Service,
    fires: list[pure.Fire],
    budgets: list[BudgetStatus],
    objectives: list[Objective],
    prices: list[PriceRow],
    now: datetime,
) -> pure.ServiceRow:
    known = [status for status in budgets if status.remaining_ratio is not None]
    least = min(known, key=lambda status: status.remaining_ratio or 0.0, default=None)
    counted = rollups.increments(service=service, family="requests_total", start=now - P95_WINDOW, end=now)
    return pure.ServiceRow(
        slug=service.slug,
        name=service.name,
        simulated=service.simulated,
        standing=pure.standing(
            fires=fires,
            requests=sum(counted.values()) if counted else None,
            has_objectives=bool(budgets),
            newest=_glimpses(service, objectives, now),
            silent=rollups.silent_for(service=service, now=now),
        ),
        p95=_p95(service, now),
        spark=_spark(service, now),
        split=_split(service, now),
        budget=least.remaining_ratio if least else None,
        budget_of=least.title if least else "",
        budget_address=(service.slug, least.slug) if least else None,
        similarity=_similarity(service, now),
        per_1k_usd=_per_1k(cost_per_1k(service=service, start=now - COST_WINDOW, end=now, prices=prices)),
    )


def _p95(service: Service, now: datetime) -> pure.Latency | None:
    found = rollups.histogram(service=service, family="ttft_seconds", start=now - P95_WINDOW, end=now).get(())
    value = quantile(found, 0.95) if found is not None else None
    return pure.Latency(value.value, value.low, value.high) if value is not None else None


def _glimpses(service: Service, objectives: list[Objective], now: datetime) -> list[pure.Glimpse]:
    """The last minute that was read, beside the strictest promise of each kind."""
    found = []
    for indicator, (family, name) in GLIMPSES.items():
        mine = [one for one in objectives if one.indicator == indicator and one.is_timeslices and one.threshold]
        if not mine:
            continue
        strictest = min(mine, key=lambda one: one.threshold or 0.0)
        end = min(now, rollups.newest(service=service) or now)
        window = rollups.histogram(service=service, family=family, start=end - NEWEST, end=end).get(())
        value = quantile(window, strictest.slice_target or 0.95) if window is not None else None
        if value is not None and end > now - P95_WINDOW:
            found.append(pure.Glimpse(name, value.value, strictest.threshold or 0.0))
    return found


def _spark(service: Service, now: datetime) -> str:
    points = rollups.points(
        service=service,
        family="ttft_seconds",
        start=now - SPARK_WINDOW,
        end=now,
        step_seconds=STEP_SECONDS,
        quantile=0.95,
    )
    return charts.sparkline(
        [point.value for point in points], label=f"{service.name}: p95 time to first token over 30 min"
    )


def _split(service: Service, now: datetime) -> pure.Split | None:
    sums = []
    for family in STAGES:
        found = rollups.histogram(service=service, family=family, start=now - P95_WINDOW, end=now).get(())
        sums.append(found.sum if found is not None else None)
    return pure.split(queue=sums[0], prefill=sums[1], decode=sums[2])


def _similarity(service: Service, now: datetime) -> float | None:
    found = rollups.gauge(service=service, family="answer_similarity_ratio", start=now - QUALITY_WINDOW, end=now).get(
        ()
    )
    return found.mean if found is not None else None


def _per_1k(cost: CostPer1k) -> Decimal | None:
    return cost.by_hardware if cost.by_hardware is not None else cost.at_list_price


def open_incidents(*, organisation: Organisation, now: datetime) -> tuple[OpenIncident, ...]:
    """Unresolved incidents, the worst first, with what paging has done: three queries."""
    rows = list(
        Incident.objects.filter(organisation=organisation)
        .unresolved()
        .select_related("service", "acknowledged_by")
        .prefetch_related(
            Prefetch(
                "pages",
                Page.objects.filter(kind__in=[Page.Kind.OPENED, Page.Kind.ESCALATED])
                .select_related("user")
                .order_by("-created_at"),
            ),
            Prefetch(
                "escalation_steps",
                EscalationStep.objects.filter(state=EscalationStep.State.PENDING)
                .select_related("user")
                .order_by("due_at"),
            ),
        )
        .order_by("severity", "-opened_at")[: INCIDENTS + 1]
    )
    return tuple(
        OpenIncident(
            incident=row,
            leaf_title=leaf_title(row),
            since=row.impact_started_at or row.opened_at,
            said=_said(row, now),
            status=_status(row, now),
        )
        for row in rows
    )


def _said(incident: Incident, now: datetime) -> str:
    if incident.state != State.OPEN:
        return ""
    sent = next((page for page in incident.pages.all() if page.sent_at is not None and page.user_id is not None), None)
    return f"{sent.user} was paged and has not answered." if sent is not None else ""


def _status(incident: Incident, now: datetime) -> str:
    if incident.state != State.OPEN:
        return (
            f"acknowledged by {incident.acknowledged_by}"
            if incident.acknowledged_by and incident.state == State.ACKNOWLEDGED
            else incident.get_state_display().lower()
        )
    step = next(iter(incident.escalation_steps.all()), None)
    return f"not acknowledged, next {step.user or step.label}" if step is not None else "not acknowledged"


def recent_changes(*, organisation: Organisation, now: datetime) -> tuple[pure.ChangeRow, ...]:
    """What changed in the last 24 hours, newest first."""
    found = changes_between(organisation=organisation, start=now - timedelta(hours=24), end=now)
    return tuple(
        pure.ChangeRow(
            at=change.at,
            service=change.service.name,
            sentence=describe(kind=change.kind, before=change.before, after=change.after),
        )
        for change in reversed(found[-CHANGES:])
    )


def watches(*, organisation: Organisation, now: datetime) -> tuple[pure.Watch, ...]:
    """Who is on call, policy by policy; who has no pager is marked, since a page would not reach them."""
    pagers = PagerEndpoint.objects.filter(organisation=organisation, enabled=True, drill=False)
    reached = set(pagers.values_list("user", flat=True))
    rows = with_steps(organisation).order_by("name", "pk")
    policies = [read(row) for row in rows]
    targets = [target for policy in policies for step in policy.steps for target in step.targets]
    people = people_by_target(organisation=organisation, targets=targets, at=now)
    found = []
    for policy in policies:
        named = [
            _named(step.label, [one for target in step.targets for one in people[target]], reached)
            for step in policy.steps
        ]
        watch = watch_of(policy.name, named)
        found += [watch] if watch is not None else []
    return tuple(found)


def _named(label: str, told: list[Told], reached: set[int]) -> str:
    """The people of a step as they are now: "Ana", "Ben (no pager)"; a schedule that nobody has says so."""
    people = [str(one.user) if one.user.pk in reached else f"{one.user} (no pager)" for one in told]
    return words.listed(people) if people else f"nobody in {label}"


def watch_of(policy: str, people: list[str]) -> pure.Watch | None:
    """The first of a list is on call, the others follow in turn."""
    return pure.Watch(policy, people[0], words.listed(people[1:])) if people else None
