"""Declaring, and what people do to an incident beside moving it on. Parse, load, one call, answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.command import queries, services
from incidents.command.forms import DeclareForm, ImpactForm
from incidents.command.roles import Role
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from incidents.screens.queries import lists
from incidents.screens.queries import times as figure_queries
from incidents.updates import services as updates
from incidents.updates.cadence import Impact, Phase
from observability.core.access import Request, viewed
from observability.core.models import User
from observability.core.permissions import Verb, allowed
from observability.core.refusals import Refused

SNOOZES = {"30", "60", "240"}
SAID = {"acknowledge": "Acknowledged", "resolve": "Resolved", "snooze": "Snoozed"}


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def declare(request: Request) -> HttpResponse:
    if not allowed(request.actor, Verb.DECLARE, request.organisation):
        raise PermissionDenied("Your role may not declare incidents.")
    form = DeclareForm(request.POST if request.method == "POST" else None, organisation=request.organisation)
    if request.method == "POST" and form.is_valid():
        try:
            incident = response.declare(
                organisation=request.organisation, actor=request.actor, now=request.moment, **form.cleaned_data
            )
        except Refused as reason:
            form.add_error("impact_started_at", str(reason))
        else:
            return redirect("incident", incident.number)
    page = {"here": "incidents", "form": form}
    return render(request, "command/declare.html", page, status=422 if form.errors else 200)


@require_safe
@viewed
def figures(request: Request) -> HttpResponse:
    given = request.GET.get("days", "")
    days = int(given) if given in {str(choice) for choice in figure_queries.PERIODS} else figure_queries.PERIODS[1]
    table = figure_queries.table(organisation=request.organisation, days=days, now=request.moment)
    page = {"here": "times", "table": table, "days": days, "periods": figure_queries.PERIODS}
    return render(request, "command/times.html", page)


@require_POST
@viewed
def bulk(request: Request) -> HttpResponse:
    """The chosen ones of the list; back to the list as it was narrowed."""
    verb, _, minutes = request.POST.get("do", "").partition("-")
    chosen = [int(one) for one in request.POST.getlist("number") if one.isascii() and one.isdigit() and len(one) < 9]
    try:
        done = services.act(
            organisation=request.organisation,
            numbers=chosen,
            verb=verb,
            minutes=int(minutes) if minutes in SNOOZES else 60,
            actor=request.actor,
            now=request.moment,
        )
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        if done.moved:
            messages.success(request, f"{SAID[verb]}: {', '.join(one.name for one in done.moved)}.")
        for _, why in done.refused:
            messages.error(request, why)
    back = lists.filters({**QueryDict(request.POST.get("back", "")).dict(), "page": ""}).address(1)
    return HttpResponseRedirect(f"{reverse('incidents')}{'?' if back else ''}{back}")


@require_POST
@viewed
def do(request: Request, number: int, verb: str) -> HttpResponse:
    """One of the forms on the incident's page. What cannot be done is said there, on the page."""
    if verb not in DO:
        raise Http404
    related = ("organisation", "service", "commander", "acknowledged_by")
    rows = Incident.objects.select_related(*related)
    incident = get_object_or_404(rows, organisation=request.organisation, number=number)
    try:
        shown = DO[verb](request, incident)
    except Refused as reason:
        messages.error(request, str(reason))
        shown = incident
    return redirect("incident", shown.number)


def _severity(request: Request, incident: Incident) -> Incident:
    given = _text(request, "severity")
    if given not in {str(level.value) for level in Severity}:
        raise Refused("Choose a severity from 1 to 5.")
    return response.change_severity(
        incident=incident,
        severity=Severity(int(given)),
        actor=request.actor,
        now=request.moment,
        reason=_text(request, "reason")[:300],
    )


def _impact(request: Request, incident: Incident) -> Incident:
    form = ImpactForm(request.POST)
    if not form.is_valid():
        raise Refused("The impact start is a date and a time, such as 2026-03-01 02:00.")
    at = form.cleaned_data["at"]
    return response.set_impact_start(incident=incident, at=at, actor=request.actor, now=request.moment)


def _responder(request: Request, incident: Incident) -> Incident:
    return services.add_responder(
        incident=incident,
        person=_person(request),
        actor=request.actor,
        now=request.moment,
        reason=_text(request, "reason")[:150],
    )


def _links(request: Request, incident: Incident) -> Incident:
    chat, call = _text(request, "chat_url"), _text(request, "call_url")
    return services.set_links(incident=incident, chat_url=chat, call_url=call, actor=request.actor, now=request.moment)


def _update(request: Request, incident: Incident) -> Incident:
    updates.post(incident=incident, text=_text(request, "text"), actor=request.actor, now=request.moment)
    return incident


def _publish(request: Request, incident: Incident) -> Incident:
    phase, impact = _text(request, "phase"), _text(request, "impact")
    if phase not in set(Phase) or impact not in set(Impact):
        raise Refused("Choose where it stands and what is noticed.")
    updates.publish(
        incident=incident,
        headline=_text(request, "headline"),
        text=_text(request, "text"),
        phase=Phase(phase),
        impact=Impact(impact),
        actor=request.actor,
        now=request.moment,
    )
    return incident


def _snooze(request: Request, incident: Incident) -> Incident:
    minutes = _text(request, "minutes")
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 6):
        raise Refused("For how many minutes?")
    until = request.moment + timedelta(minutes=int(minutes))
    return services.snooze(incident=incident, until=until, actor=request.actor, now=request.moment)


def _wake(request: Request, incident: Incident) -> Incident:
    return services.wake(incident=incident, actor=request.actor, now=request.moment)


def _merge(request: Request, incident: Incident) -> Incident:
    given = _text(request, "into").upper().removeprefix("INC-")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
    into = Incident.objects.filter(organisation=request.organisation, number=number).first()
    if into is None:
        raise Refused("Into which incident? Choose one that is open.")
    return services.merge(incident=incident, into=into, actor=request.actor, now=request.moment)


def _split(request: Request, incident: Incident) -> Incident:
    chosen = [int(given) for given in request.POST.getlist("alert") if given.isascii() and given.isdigit()]
    return services.split(
        incident=incident,
        alerts=chosen,
        title=_text(request, "title")[:300],
        actor=request.actor,
        now=request.moment,
    )


def _take(request: Request, incident: Incident) -> Incident:
    services.take(incident=incident, role=_role(request), actor=request.actor, now=request.moment)
    return incident


def _offer(request: Request, incident: Incident) -> Incident:
    to = _person(request)
    services.offer(incident=incident, role=_role(request), to=to, actor=request.actor, now=request.moment)
    return incident


def _accept(request: Request, incident: Incident) -> Incident:
    services.accept(incident=incident, role=_role(request), actor=request.actor, now=request.moment)
    return incident


def _decline(request: Request, incident: Incident) -> Incident:
    services.decline(incident=incident, role=_role(request), actor=request.actor, now=request.moment)
    return incident


def _tick(request: Request, incident: Incident) -> Incident:
    services.tick(
        incident=incident,
        role=_role(request),
        key=_text(request, "key"),
        done=_text(request, "done") == "on",
        actor=request.actor,
        now=request.moment,
    )
    return incident


def _text(request: Request, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()


def _role(request: Request) -> Role:
    role = _text(request, "role")
    if role not in set(Role):
        raise Refused("Choose a role.")
    return Role(role)


def _person(request: Request) -> User:
    found = queries.person(organisation=request.organisation, username=_text(request, "person"))
    if found is None:
        raise Refused("Choose somebody who belongs here.")
    return found


#: The forms of the incident's page by the last word of their address; each returns the incident to show next.
DO: dict[str, Callable[[Request, Incident], Incident]] = {
    "severity": _severity,
    "impact": _impact,
    "responder": _responder,
    "links": _links,
    "update": _update,
    "publish": _publish,
    "snooze": _snooze,
    "wake": _wake,
    "merge": _merge,
    "split": _split,
    "take": _take,
    "offer": _offer,
    "accept": _accept,
    "decline": _decline,
    "tick": _tick,
}
