"""The settings of actions, their history, and what is pressed on an incident's page. Parse, load, one call, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from incidents.actions import queries, services
from incidents.actions.models import ActionRun, ActionSecret
from incidents.response.models import Incident
from incidents.screens.queries import actions as screens
from incidents.screens.queries import lists
from observability.core import etag
from observability.core.access import Request, viewed
from observability.core.refusals import Refused
from sloengine.catalog.models import Service

EXAMPLE = """executors:
  gateway:
    kind: webhook
    url: "https://gateway.example/control/{service}"
    secret: gateway
bindings:
  - service: chat
    action: tighten_admission
    executor: gateway
    parameters: {limits: {bulk: 10}}
    approvals: 1
    rehearse: true
    verify: {expect: ["ttft_p95 < 250 ms"], within: 5m}
    undo_after: 30m
"""


@require_safe
@viewed
def settings(request: Request) -> HttpResponse:
    current = queries.current(organisation_id=request.organisation.pk)
    return _settings(request, current.text if current is not None else EXAMPLE)


@require_POST
@viewed
def change(request: Request) -> HttpResponse:
    """Check the text, or let it count. One that is wrong changes nothing."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    try:
        if "check" in request.POST:
            services.validated(organisation=request.organisation, text=text)
            return _settings(request, text, fits=True)
        services.set_document(organisation=request.organisation, text=text, actor=request.actor, now=request.moment)
    except services.DocumentUnusable as error:
        return _settings(request, text, problems=error)
    return redirect("actions")


def _settings(
    request: Request, text: str, *, problems: services.DocumentUnusable | None = None, fits: bool = False
) -> HttpResponse:
    context: dict[str, Any] = {
        "here": "actions",
        "text": text,
        "fits": fits,
        "switch": queries.switch(organisation_id=request.organisation.pk),
        "current": queries.current(organisation_id=request.organisation.pk),
        "bound": queries.document(organisation_id=request.organisation.pk),
        "secrets": screens.secrets(organisation=request.organisation),
        "versions": queries.versions(organisation=request.organisation)[:10],
        "problems": problems.problems if problems is not None else (),
    }
    return render(request, "actions/settings.html", context, status=422 if problems is not None else 200)


@require_POST
@viewed
def switch(request: Request, verb: str) -> HttpResponse:
    """On, off, the kill switch, and its end."""
    given: dict[str, Any] = {"organisation": request.organisation, "actor": request.actor, "now": request.moment}
    match verb:
        case "on" | "off":
            services.turn(on=verb == "on", **given)
        case "stop":
            services.stop(**given)
            messages.success(request, "All actions are stopped. What an executor has taken cannot be called back.")
        case "resume":
            services.resume(**given)
        case _:
            raise Http404
    return redirect("actions")


@require_POST
@viewed
def secret(request: Request) -> HttpResponse:
    name, value = request.POST.get("name", ""), request.POST.get("value", "").replace("\x00", "")

    def keep() -> None:
        services.keep_secret(
            organisation=request.organisation, name=name, value=value, actor=request.actor, now=request.moment
        )
        messages.success(request, f"{name.strip()} is kept. It is never shown again.")

    return _told(request, keep, "actions")


@require_POST
@viewed
def forget(request: Request, name: str) -> HttpResponse:
    found = get_object_or_404(ActionSecret, organisation=request.organisation, name=name)
    return _told(
        request, lambda: services.forget_secret(secret=found, actor=request.actor, now=request.moment), "actions"
    )


@require_POST
@viewed
def rehearse(request: Request) -> HttpResponse:
    slug, _, action = request.POST.get("binding", "").partition("/")
    service = get_object_or_404(Service, organisation=request.organisation, slug=slug)
    try:
        found = services.rehearse(service=service, action=action, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
        return redirect("actions")
    return redirect("action_run", found.pk)


@require_safe
@viewed
def runs(request: Request) -> HttpResponse:
    listing = screens.runs(
        organisation=request.organisation, actor=request.actor, filters=lists.filters(request.GET.dict())
    )
    return render(request, "actions/runs.html", {"here": "actions", "listing": listing})


@require_safe
@viewed
def run(request: Request, pk: int) -> HttpResponse:
    row = screens.one(run=_run(request, pk), actor=request.actor)
    return render(request, "actions/run.html", {"here": "actions", "row": row})


@require_POST
@viewed
def press(request: Request, pk: int, verb: str) -> HttpResponse:
    if verb not in PRESS:
        raise Http404
    found = _run(request, pk)
    try:
        PRESS[verb](request, found)
    except Refused as reason:
        messages.error(request, str(reason))
    if found.incident is None or request.POST.get("back") == "run":
        return redirect("action_run", pk)
    return redirect("incident", found.incident.number)


def _approve(request: Request, found: ActionRun) -> None:
    services.approve(run=found, actor=request.actor, now=request.moment)


def _approve_and_run(request: Request, found: ActionRun) -> None:
    services.approve(run=found, actor=request.actor, now=request.moment, go=True)


def _start(request: Request, found: ActionRun) -> None:
    services.start(run=found, actor=request.actor, now=request.moment)


def _refuse(request: Request, found: ActionRun) -> None:
    reason = request.POST.get("reason", "").replace("\x00", "")
    services.refuse(run=found, actor=request.actor, now=request.moment, reason=reason)


def _undo(request: Request, found: ActionRun) -> None:
    services.undo(run=found, actor=request.actor, now=request.moment)


def _happened(request: Request, found: ActionRun) -> None:
    services.settle(run=found, happened=True, actor=request.actor, now=request.moment)


def _not_happened(request: Request, found: ActionRun) -> None:
    services.settle(run=found, happened=False, actor=request.actor, now=request.moment)


PRESS: dict[str, Callable[[Request, ActionRun], None]] = {
    "approve": _approve,
    "approve_and_run": _approve_and_run,
    "run": _start,
    "refuse": _refuse,
    "undo": _undo,
    "happened": _happened,
    "not_happened": _not_happened,
}


@require_safe
@viewed
def part(request: Request, number: int) -> HttpResponse:
    incident = _incident(request, number)
    panel = screens.panel(incident=incident, actor=request.actor, now=request.moment)
    page = {"incident": incident, "panel": panel}
    return etag.unless_same(request, render_to_string("actions/_panel.html", page, request))


@require_POST
@viewed
def propose(request: Request, number: int, action: str) -> HttpResponse:
    incident = _incident(request, number)
    given = {key: request.POST[key] for key in ("replica", "region") if request.POST.get(key)}

    def ask() -> None:
        services.propose(incident=incident, action=action, actor=request.actor, now=request.moment, given=given)

    return _told(request, ask, "incident", number)


def _told(request: Request, act: Callable[[], object], *page: Any) -> HttpResponse:
    """What is refused is said on the page."""
    try:
        act()
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect(*page)


def _run(request: Request, pk: int) -> ActionRun:
    return get_object_or_404(queries.runs(organisation=request.organisation), pk=pk)


def _incident(request: Request, number: int) -> Incident:
    rows = Incident.objects.select_related("service", "organisation")
    return get_object_or_404(rows, organisation=request.organisation, number=number)
