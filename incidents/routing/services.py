"""Routes set: validated whole, kept as a new version, and what fires judged anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db import transaction

from incidents.alerts import routing
from incidents.alerts.models import Alert
from incidents.alerts.routing import Asked, Route, Routes, Taken
from incidents.alerts.treatment import EXTERNAL, matched_labels
from incidents.ingest.payloads import urgency_of
from incidents.oncall.models import EscalationPolicy
from incidents.routing import queries
from incidents.routing.models import RouteDocument
from observability.core import audit, permissions
from observability.core.documents import Problem, WithProblems
from observability.core.models import Organisation, Team
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service


class RoutesUnusable(WithProblems, Refused):
    """The document has problems, each with its line."""


def validated(*, organisation: Organisation, text: str) -> Routes:
    """The routes of the text; services, teams and policies that they choose must be there. Raises RoutesUnusable."""
    try:
        routes = routing.load(text)
    except routing.RoutesRefused as error:
        raise RoutesUnusable(error.problems) from error
    problems = tuple(_strangers(organisation, routes))
    if problems:
        raise RoutesUnusable(problems)
    return routes


def _strangers(organisation: Organisation, routes: Routes) -> Iterator[Problem]:
    known: Mapping[str, set[str]] = {
        "service": set(Service.objects.filter(organisation=organisation).values_list("slug", flat=True)),
        "team": set(Team.objects.filter(organisation=organisation).values_list("slug", flat=True)),
        "policy": set(EscalationPolicy.objects.filter(organisation=organisation).values_list("slug", flat=True)),
    }
    for path, route in _walk(routes.routes, "routes"):
        for name, there in known.items():
            chosen = getattr(route.settings, name)
            if chosen is not None and chosen not in there:
                expected = f"one of {', '.join(sorted(there))}" if there else f"a {name}; there is none yet"
                yield Problem("routes", route.line, f"{path}.{name}", repr(chosen), expected)


def _walk(routes: tuple[Route, ...], path: str) -> Iterator[tuple[str, Route]]:
    for index, route in enumerate(routes):
        yield f"{path}[{index}]", route
        yield from _walk(route.children, f"{path}[{index}].routes")


def set_routes(*, organisation: Organisation, text: str, actor: Actor, now: datetime) -> RouteDocument:
    """A new version of the routes; the same text again changes nothing."""
    permissions.require(actor, Verb.MANAGE_ROUTES, organisation)
    validated(organisation=organisation, text=text)
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        before = queries.current(organisation_id=organisation.pk)
        if before is not None and before.text == text:
            return before
        document = RouteDocument.objects.create(
            organisation=organisation,
            version=before.version + 1 if before is not None else 1,
            text=text,
            at=now,
            by_id=actor.user_id,
        )
        # What fires may quiet others by the new rules, or be quiet no more.
        Alert.objects.filter(organisation=organisation, state=Alert.State.FIRING).update(place_at=now)
        audit.record(actor=actor, verb="set_routes", obj=document, now=now, payload={"version": document.version})
    return document


def tried(*, routes: Routes, labels: Mapping[str, str]) -> tuple[Taken, list[Asked]]:
    """The way of an alert from outside with these labels: what it gets, and each route that was asked."""
    seen: list[Asked] = []
    judged = matched_labels(
        labels=labels,
        kind=EXTERNAL,
        urgency=urgency_of(labels, default="page"),
        fingerprint="",
        integration="",
        service="",
    )
    taken = routing.take(routes=routes, labels=judged, seen=seen.append)
    return taken, seen
