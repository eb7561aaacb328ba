"""SLOs: the list with its budgets, and one with its burn-down, windows, exclusions, history and what-if."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from observability.core.access import Request, viewed
from sloengine.budgets.exclusions import services as exclusions
from sloengine.budgets.exclusions.calendar import BadRule, Rule
from sloengine.budgets.exclusions.models import Exclusion
from sloengine.objectives.models import Objective
from sloengine.screens import queries
from sloengine.screens.listing import filters


@require_safe
@viewed
def slos(request: Request) -> HttpResponse:
    page = queries.slo_list(organisation=request.organisation, filters=filters(request.GET), now=request.moment)
    return render(request, "objectives/list.html", {"here": "slos", "page": page, "asked": page.filters})


@require_safe
@viewed
def slo(request: Request, service: str, slug: str) -> HttpResponse:
    objective = _objective(request, service, slug)
    context = {
        "here": "slos",
        "indicator": objective.indicator,
        "page": queries.slo_page(objective=objective, now=request.moment),
        "what_if": queries.what_if(objective=objective, asked=request.GET, now=request.moment),
    }
    return render(request, "objectives/detail.html", context)


@require_POST
@viewed
def exclude(request: Request, service: str, slug: str) -> HttpResponse:
    """Take time out of this objective, or with `all` of everything its service promises."""
    objective = _objective(request, service, slug)
    try:
        exclusions.exclude(
            organisation=request.organisation,
            rule=_rule(request),
            reason=request.POST.get("reason", ""),
            actor=request.actor,
            now=request.moment,
            service=objective.service if request.POST.get("all") else None,
            objective=None if request.POST.get("all") else objective,
        )
    except BadRule as problem:
        messages.error(request, f"Nothing was excluded: {problem}.")
    return redirect("slo", service=service, slug=slug)


@require_POST
@viewed
def call_off(request: Request, service: str, slug: str, number: int) -> HttpResponse:
    exclusion = get_object_or_404(Exclusion, organisation=request.organisation, pk=number)
    exclusions.call_off(exclusion=exclusion, actor=request.actor, now=request.moment)
    return redirect("slo", service=service, slug=slug)


@require_POST
@viewed
def adjust(request: Request, service: str, slug: str) -> HttpResponse:
    objective, given = _objective(request, service, slug), request.POST
    try:
        ratio = Decimal(given.get("percent", "")) / 100
    except InvalidOperation:
        ratio = Decimal(0)
    try:
        exclusions.adjust(
            objective=objective, ratio=ratio, reason=given.get("reason", ""), at=request.moment, actor=request.actor,
            now=request.moment,
        )  # fmt: skip
    except BadRule as problem:
        messages.error(request, f"Nothing was adjusted: {problem}.")
    return redirect("slo", service=service, slug=slug)


def _objective(request: Request, service: str, slug: str) -> Objective:
    rows = Objective.objects.select_related("service", "organisation")
    return get_object_or_404(rows, organisation=request.organisation, service__slug=service, slug=slug)


def _rule(request: Request) -> Rule:
    """The form's times are the reader's local ones, and a rule is read on that zone's calendar."""
    given, zone = request.POST, timezone.get_current_timezone()
    try:
        start = parse_datetime(given.get("starts_at", ""))
        minutes = int(given.get("minutes", ""))
    except ValueError:
        start, minutes = None, 0
    if start is None or not 0 < minutes < 10**6:
        raise BadRule("found no start or length, expected a date, a time and minutes")
    at = start if timezone.is_aware(start) else timezone.make_aware(start, zone)
    return Rule(at, timedelta(minutes=minutes), given.get("rrule", "").strip(), str(zone))
