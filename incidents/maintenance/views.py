"""Maintenance: what is planned, a new plan, one cancelled."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from incidents.maintenance import queries, services
from incidents.maintenance.forms import MaintenanceForm
from incidents.maintenance.models import Maintenance
from incidents.silences import queries as silences
from observability.core.access import Request, viewed
from observability.core.refusals import Refused


@require_safe
@viewed
def maintenance(request: Request) -> HttpResponse:
    return _page(request, MaintenanceForm(initial={"zone": request.user.time_zone}))


@require_POST
@viewed
def add(request: Request) -> HttpResponse:
    form = MaintenanceForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        services.plan(
            organisation=request.organisation,
            name=form.cleaned_data["name"],
            matchers=form.lines(),
            when=form.plan(),
            announce=timedelta(hours=form.cleaned_data["announce"]),
            actor=request.actor,
            now=request.moment,
        )
    except Refused as error:
        form.add_error(None, str(error))
        return _page(request, form)
    return redirect("maintenance")


@require_POST
@viewed
def cancel(request: Request, pk: int) -> HttpResponse:
    found = get_object_or_404(Maintenance, organisation=request.organisation, pk=pk)
    services.cancel(maintenance=found, actor=request.actor, now=request.moment)
    return redirect("maintenance")


def _page(request: Request, form: MaintenanceForm) -> HttpResponse:
    context = {
        "here": "maintenance",
        "form": form,
        "rows": list(queries.plans(organisation=request.organisation, now=request.moment)),
        "notices": silences.notices(organisation=request.organisation, now=request.moment),
    }
    return render(request, "alerts/maintenance.html", context, status=422 if form.errors else 200)
