"""Integrations: who may send, what came, what went wrong in words; a test, and a payload to try."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from incidents.alerts.routing import Taken
from incidents.ingest import forms, queries, services
from incidents.ingest.models import Integration
from incidents.ingest.payloads import Malformed, Report
from incidents.ingest.services import Envelope, Unusable
from incidents.routing import queries as routing
from incidents.routing import services as routes
from observability.core.access import Request, viewed

EVENTS = 20


@require_safe
@viewed
def integrations(request: Request) -> HttpResponse:
    return _list(request, forms.NewForm(organisation=request.organisation, initial={"default_urgency": "page"}))


@require_POST
@viewed
def add(request: Request) -> HttpResponse:
    form = forms.NewForm(request.POST, organisation=request.organisation)
    if not form.is_valid():
        return _list(request, form)
    try:
        integration, key = services.add_integration(
            organisation=request.organisation,
            kind=Integration.Kind(form.cleaned_data["kind"]),
            owner=request.user,
            actor=request.actor,
            now=request.moment,
            **form.options(),
        )
    except Unusable as error:
        form.add_error(None, str(error))
        return _list(request, form)
    return _one(request, integration, key=key)


@require_safe
@viewed
def integration(request: Request, pk: int) -> HttpResponse:
    return _one(request, _load(request, pk))


@require_POST
@viewed
def change(request: Request, pk: int) -> HttpResponse:
    found = _load(request, pk)
    form = forms.OptionsForm(request.POST, organisation=request.organisation)
    if not form.is_valid():
        return _one(request, found, form=form)
    try:
        services.change_integration(integration=found, actor=request.actor, now=request.moment, **form.options())
    except Unusable as error:
        form.add_error(None, str(error))
        return _one(request, _load(request, pk), form=form)
    return redirect("integration", pk)


@require_POST
@viewed
def act(request: Request, pk: int, verb: str) -> HttpResponse:
    """A new key, the end, or a test."""
    found = _load(request, pk)
    if verb == "key":
        return _one(request, found, key=services.new_key(integration=found, actor=request.actor, now=request.moment))
    if verb == "end":
        services.end_integration(integration=found, actor=request.actor, now=request.moment)
        return redirect("integrations")
    sent = services.send_test(integration=found, actor=request.actor, now=request.moment)
    said = (
        f"{sent.alerts} alert{'s' if sent.alerts != 1 else ''} read"
        if sent.alerts
        else "a check-in or an event without an alert"
    )
    messages.success(
        request, f"The test was stored as event {sent.event_id}: {said}. It is information: it wakes nobody."
    )
    return redirect("integration", pk)


@require_POST
@viewed
def attempt(request: Request, pk: int) -> HttpResponse:
    """What a payload would become. Nothing is stored."""
    return _one(request, _load(request, pk), tried=request.POST.get("payload", "")[:200_000])


def _load(request: Request, pk: int) -> Integration:
    rows = Integration.objects.select_related("owner", "service", "organisation")
    return get_object_or_404(rows, organisation=request.organisation, pk=pk, revoked_at__isnull=True)


def _list(request: Request, form: forms.NewForm) -> HttpResponse:
    rows = list(queries.integrations(organisation=request.organisation))
    context = {"here": "integrations", "rows": rows, "form": form}
    return render(request, "alerts/integrations.html", context, status=422 if form.errors else 200)


def _one(
    request: Request, found: Integration, *, key: str = "", form: forms.OptionsForm | None = None, tried: str = ""
) -> HttpResponse:
    context: dict[str, Any] = {
        "here": "integrations",
        "integration": found,
        "key": key,
        "address": f"{settings.TAILWATCH_BASE_URL}/hooks/{found.kind}/{key or '<key>'}",
        "form": form or forms.OptionsForm(organisation=request.organisation, initial=forms.initial(found)),
        "day": queries.day_counts(integration=found, now=request.moment),
        "events": queries.events(integration=found)[:EVENTS],
        "payload": tried or orjson.dumps(services.sample(found), option=orjson.OPT_INDENT_2).decode(),
    }
    if tried:
        context["tried"], context["refused"] = _tried(request, found, tried)
    answer = render(request, "alerts/integration.html", context, status=422 if form is not None else 200)
    if key:
        answer.headers["Cache-Control"] = "no-store"
    return answer


def _tried(request: Request, found: Integration, payload: str) -> tuple[list[tuple[Report, Taken]], str]:
    try:
        said = services.read(integration=found, envelope=Envelope(payload.encode()), now=request.moment)
    except Malformed as error:
        return [], str(error)
    tree = routing.routes(organisation_id=request.organisation.pk)
    reports = [(report, routes.tried(routes=tree, labels=report.labels)[0]) for report in said.reports[:50]]
    return reports, "; ".join(said.problems)
