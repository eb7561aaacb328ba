"""Silences: which hold, a new one, one ended early."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from incidents.silences import queries, services
from incidents.silences.forms import SilenceForm
from incidents.silences.models import Silence
from observability.core.access import Request, viewed


@require_safe
@viewed
def silences(request: Request) -> HttpResponse:
    return _page(request, SilenceForm(initial={"matchers": request.GET.get("matcher", "")[:4000]}))


@require_POST
@viewed
def add(request: Request) -> HttpResponse:
    form = SilenceForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        services.silence(
            organisation=request.organisation,
            matchers=form.lines(),
            starts_at=request.moment,
            ends_at=form.ends_at(request.moment),
            comment=form.cleaned_data["comment"],
            actor=request.actor,
            now=request.moment,
        )
    except services.NoSilence as error:
        form.add_error("matchers", str(error))
        return _page(request, form)
    return redirect("silences")


@require_POST
@viewed
def end(request: Request, pk: int) -> HttpResponse:
    services.end(silence=_load(request, pk), actor=request.actor, now=request.moment)
    return redirect("silences")


@require_POST
@viewed
def prolong(request: Request, pk: int) -> HttpResponse:
    found = _load(request, pk)
    try:
        ends_at = found.ends_at + timedelta(hours=4)
        services.prolong(silence=found, ends_at=ends_at, actor=request.actor, now=request.moment)
    except services.NoSilence as error:
        messages.error(request, str(error))
    return redirect("silences")


def _load(request: Request, pk: int) -> Silence:
    return get_object_or_404(Silence, organisation=request.organisation, pk=pk)


def _page(request: Request, form: SilenceForm) -> HttpResponse:
    now = request.moment
    rows = list(queries.silences(organisation=request.organisation, now=now))
    context = {
        "here": "silences",
        "form": form,
        "rows": rows,
        "holding": sum(row.starts_at <= now < row.ends_at for row in rows),
        "notices": queries.notices(organisation=request.organisation, now=now),
    }
    return render(request, "alerts/silences.html", context, status=422 if form.errors else 200)
