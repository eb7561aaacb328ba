"""Personal rules, loaded for all the people of a step at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from incidents.oncall import windows
from incidents.oncall.document import HoursDocument
from incidents.oncall.windows import Window
from incidents.paging.escalation import hours_of
from incidents.paging.models import Page, PagerEndpoint
from incidents.paging.rules import form
from incidents.paging.rules.form import Row
from incidents.paging.rules.models import NotificationRule, QuietHours
from incidents.paging.rules.plan import Quiet, Rule, counting, plan
from incidents.paging.rules.rings import Rings, rings
from incidents.response.models import Incident
from observability.core.models import Organisation, User


def due(*, incident: Incident, endpoints: Sequence[PagerEndpoint], now: datetime) -> dict[int, tuple[datetime, ...]]:
    """When each of these endpoints rings, by its owner's rules. Three queries, however many people.

    Rules whose pagers have all failed in this incident do not count: the person's others ring.
    """
    owners = sorted({endpoint.user_id for endpoint in endpoints if endpoint.user_id is not None})
    rules: dict[int, list[Rule]] = {owner: [] for owner in owners}
    for row in NotificationRule.objects.filter(organisation_id=incident.organisation_id, user__in=owners):
        rules[row.user_id].append(Rule(row.endpoint_id, row.after_seconds, row.mildest_severity))
    held = QuietHours.objects.filter(organisation_id=incident.organisation_id, user__in=owners).select_related("user")
    quiet = {row.user_id: quiet_of(row) for row in held}
    failed = set(incident.pages.filter(state=Page.State.FAILED).values_list("endpoint", flat=True))
    found: dict[int, tuple[datetime, ...]] = {}
    for owner in owners:
        theirs = [endpoint.pk for endpoint in endpoints if endpoint.user_id == owner]
        mine = counting(rules=rules[owner], endpoints=theirs, severity=incident.severity)
        mine = [] if failed.issuperset(rule.endpoint_id for rule in mine) else mine
        found |= plan(endpoints=theirs, rules=mine, quiet=quiet.get(owner), severity=incident.severity, now=now)
    return found


def quiet_of(row: QuietHours) -> Quiet:
    """The row as the pure module counts it, in its owner's zone."""
    hours = tuple(hours_of(HoursDocument.model_validate(one)) for one in row.hours)
    return Quiet(hours, ZoneInfo(row.user.time_zone), row.comes_through)


def rules_of(*, organisation: Organisation, user: User) -> list[NotificationRule]:
    """A person's rules, first ring first."""
    found = NotificationRule.objects.filter(organisation=organisation, user=user).select_related("endpoint")
    return list(found.defer("endpoint__secret"))


@dataclass(frozen=True, slots=True)
class Mine:
    """A person's paging on one page; `pagers` are all of theirs, `rings` what a page that came now would do."""

    pagers: tuple[PagerEndpoint, ...]
    rows: tuple[Row, ...]
    windows: tuple[Window, ...]
    comes_through: int
    rings: tuple[Rings, ...]

    @property
    def reach(self) -> int:
        return sum(pager.ready for pager in self.pagers)


def mine(*, organisation: Organisation, user: User, now: datetime) -> Mine:
    """What reaches a person and by which rules: three queries."""
    found = PagerEndpoint.objects.filter(organisation=organisation, user=user).select_related("user", "service")
    pagers = tuple(found.defer("secret").order_by("name"))
    listed = rules_of(organisation=organisation, user=user)
    rules = [Rule(row.endpoint_id, row.after_seconds, row.mildest_severity) for row in listed]
    held = QuietHours.objects.filter(organisation=organisation, user=user).select_related("user").first()
    return Mine(
        pagers=pagers,
        rows=form.shown(rules),
        windows=tuple(windows.shown(HoursDocument.model_validate(one)) for one in (held.hours if held else ())),
        comes_through=held.comes_through if held is not None else 2,
        rings=rings(
            names={pager.pk: pager.name for pager in pagers if pager.ready},
            rules=rules,
            quiet=quiet_of(held) if held is not None else None,
            now=now,
        ),
    )
