"""The lists: incidents, pages, postmortems. Each page of a list takes the same few queries, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import urlencode

from django.db.models import F, Prefetch, Q, QuerySet
from django.db.models.fields.json import KT

from incidents.learning.models import Postmortem
from incidents.paging.models import Delivery, Page
from incidents.response.lifecycle import State
from incidents.response.models import Incident
from observability.core.models import Organisation
from sloengine.catalog.models import Service

ROWS = 50
STATES = (("", "Not resolved"), ("all", "All states"), *((state.value, state.value.capitalize()) for state in State))

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; everything is in the address, so that a pasted link shows what the sender saw."""

    state: str = ""
    service: str = ""
    severity: str = ""
    q: str = ""
    page: int = 1

    @property
    def narrow(self) -> bool:
        return bool(self.state or self.service or self.severity or self.q)

    def address(self, page: int) -> str:
        """The query string of another page of the same list."""
        parts = {
            "state": self.state,
            "service": self.service,
            "severity": self.severity,
            "q": self.q,
            "page": str(page) if page > 1 else "",
        }
        return urlencode({name: value for name, value in parts.items() if value})


def filters(given: Mapping[str, str]) -> Filters:
    """From a query string. What is not understood is left out: an address is never an error."""
    page = given.get("page", "")
    state, severity = given.get("state", ""), given.get("severity", "")
    return Filters(
        state=state if state in dict(STATES) else "",
        service=given.get("service", "")[:200].replace("\x00", ""),
        severity=severity if severity in set("12345") else "",
        q=given.get("q", "").strip()[:200].replace("\x00", ""),
        page=min(int(page), 10_000) if page.isascii() and page.isdigit() and int(page) else 1,
    )


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident as lists show it; the spans are seconds, None while not known."""

    incident: Incident
    leaf_title: str
    since: datetime
    to_detect: float | None
    to_mitigate: float | None


def incident_row(incident: Incident, title: str) -> IncidentRow:
    times = incident.times
    return IncidentRow(
        incident=incident,
        leaf_title=title,
        since=incident.impact_started_at or incident.opened_at,
        to_detect=times.to_detect.total_seconds() if times.to_detect is not None else None,
        to_mitigate=times.to_mitigate.total_seconds() if times.to_mitigate is not None else None,
    )


def leaf_title(incident: Incident) -> str:
    """The leaf in words; its name where the stored diagnosis has none."""
    title = incident.diagnosis.get("title") if isinstance(incident.diagnosis, dict) else ""
    return _titled(incident, title)


def incident_rows(found: Iterable[Incident]) -> tuple[IncidentRow, ...]:
    """Rows of a list that is cut already: of their diagnoses the titles alone are read, in one question."""
    cut = list(found)
    named = Incident.objects.filter(pk__in=[incident.pk for incident in cut]).values_list("pk", KT("diagnosis__title"))
    titles = dict(named)
    return tuple(incident_row(incident, _titled(incident, titles.get(incident.pk))) for incident in cut)


def _titled(incident: Incident, title: object) -> str:
    return str(title or incident.leaf.replace("-", " ").capitalize())


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """One page of a list: its rows and the query strings of its neighbours ('' where there is none)."""

    headline: str
    rows: tuple[Row, ...]
    newer: str
    older: str
    states: tuple[tuple[str, str], ...] = STATES
    services: tuple[Service, ...] = ()


def incidents(*, organisation: Organisation, filters: Filters) -> Listing[IncidentRow]:
    """Incidents that fit, newest first: three queries."""
    services = tuple(Service.objects.filter(organisation=organisation))
    rows, newer, older = cut(_narrowed(organisation, services, filters), filters)
    found = incident_rows(rows)
    return Listing(_incident_headline(found, filters, older), found, newer, older, services=services)


def _narrowed(organisation: Organisation, services: Sequence[Service], filters: Filters) -> QuerySet[Incident]:
    found = Incident.objects.filter(organisation=organisation).in_a_row().order_by("-opened_at", "-pk")
    if filters.state == "":
        # A search looks everywhere; a list without words shows what still needs someone.
        found = found if filters.q else found.unresolved()
    elif filters.state != "all":
        found = found.filter(state=filters.state)
    if filters.service:
        found = found.filter(service__in=[service.pk for service in services if service.slug == filters.service])
    if filters.severity:
        found = found.filter(severity=int(filters.severity))
    number = filters.q.upper().removeprefix("INC-").strip()
    if number.isascii() and number.isdigit() and len(number) < 10:
        return found.filter(number=int(number))
    return (
        found.filter(Q(title__icontains=filters.q) | Q(headline__icontains=filters.q) | Q(leaf__icontains=filters.q))
        if filters.q
        else found
    )


def cut(rows: QuerySet[Row], filters: Filters) -> tuple[list[Row], str, str]:  # type: ignore[type-var]
    """One page and its neighbours, without counting the whole table."""
    start = (filters.page - 1) * ROWS
    cut = list(rows[start : start + ROWS + 1])
    newer = filters.address(filters.page - 1) or "page=1" if filters.page > 1 else ""
    return cut[:ROWS], newer, filters.address(filters.page + 1) if len(cut) > ROWS else ""


def _incident_headline(rows: tuple[IncidentRow, ...], filters: Filters, older: str) -> str:
    noun = {"": "not resolved", "all": "in all states"}.get(filters.state, filters.state)
    many = f"{len(rows)} or more" if older or filters.page > 1 else str(len(rows) or "No")
    what = f"SEV{filters.severity} incident" if filters.severity else "incident"
    where = f" of {filters.service}" if filters.service else ""
    return f"{many} {what}{'' if many == '1' else 's'}{where}" + (f" for “{filters.q}”" if filters.q else f" {noun}")


def pages(*, organisation: Organisation, filters: Filters, failed_only: bool = False) -> Listing[Page]:
    """Every page, newest first, with each try; or the dead letters alone."""
    wanted = {"state": Page.State.FAILED} if failed_only else {}
    found = (
        Page.objects.filter(organisation=organisation, **wanted)
        .select_related("incident", "endpoint", "endpoint__user")
        .defer("endpoint__secret", "incident__diagnosis")
        .prefetch_related(Prefetch("deliveries", Delivery.objects.order_by("attempt", "pk")))
        .annotate(delivered_after=F("sent_at") - F("created_at"))
        .order_by("-created_at", "-pk")
    )
    rows, newer, older = cut(found, filters)
    for page in rows:
        span = page.delivered_after  # type: ignore[attr-defined]
        page.delivered_after = span.total_seconds() if span is not None else None  # type: ignore[attr-defined]
    waiting = sum(page.state == Page.State.PENDING for page in rows)
    failed = sum(page.state == Page.State.FAILED for page in rows)
    headline = (
        ("Nothing was left undelivered" if failed_only else "No page was sent yet")
        if not rows
        else "Every page was delivered"
        if not waiting + failed
        else f"{failed} not delivered, {waiting} on their way"
    )
    return Listing(headline, tuple(rows), newer, older)


@dataclass(frozen=True, slots=True)
class PostmortemRow:
    """A postmortem as its list shows it."""

    incident: Incident
    postmortem: Postmortem
    leaf_title: str


def postmortems(*, organisation: Organisation, filters: Filters) -> Listing[PostmortemRow]:
    """Postmortems, newest first: one query."""
    found = (
        Postmortem.objects.filter(organisation=organisation)
        .select_related("incident__service")
        .order_by("-drafted_at", "-pk")
    )
    rows, newer, older = cut(found, filters)
    drafts = sum(row.state == Postmortem.State.DRAFT for row in rows)
    headline = (
        "No postmortems yet"
        if not rows
        else f"{len(rows)} postmortem{'s' if len(rows) > 1 else ''}, {drafts or 'none'} still a draft"
    )
    return Listing(
        headline, tuple(PostmortemRow(row.incident, row, leaf_title(row.incident)) for row in rows), newer, older
    )
