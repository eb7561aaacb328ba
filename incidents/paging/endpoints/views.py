"""Pagers: what reaches whom, added, tested and switched off. Parse, load, one call, answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.paging.channels import CHANNELS
from incidents.paging.endpoints import queries, services
from incidents.paging.endpoints.forms import CarrierForm, EndpointForm, SlackAppForm
from incidents.paging.models import PagerEndpoint, SlackApp
from observability.core.access import Request, viewed
from observability.core.permissions import Verb, allowed
from observability.core.refusals import Refused


@require_safe
@viewed
def pagers(request: Request) -> HttpResponse:
    return render(request, "paging/pagers.html", _page(request))


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def add(request: Request, kind: str) -> HttpResponse:
    if kind not in CHANNELS or kind == "demo":
        raise Http404
    manages = allowed(request.actor, Verb.MANAGE_PAGERS, request.organisation)
    if CHANNELS[kind].managed and not manages:
        raise PermissionDenied(
            f"{CHANNELS[kind].title} opens connections of its own: only who manages pagers may add it."
        )
    given = request.POST if request.method == "POST" else None
    form = EndpointForm(given, kind=kind, organisation=request.organisation, person=request.user, manages=manages)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint, secret = services.add(
                organisation=request.organisation,
                entered=services.Entered(kind=kind, **form.cleaned_data),
                actor=request.actor,
                now=request.moment,
            )
        except services.WrongEndpoint as wrong:
            for field, sentence in wrong.problems.items():
                form.add_error(field if field in form.fields else None, sentence)
        else:
            if secret:
                return render(request, "paging/pagers.html", {**_page(request), "made": endpoint, "secret": secret})
            messages.success(request, f"{endpoint} is added. Send it a test.")
            return redirect("pagers")
    page = {"here": "pagers", "form": form, "channel": CHANNELS[kind]}
    return render(request, "paging/pager_add.html", page, status=422 if form.errors else 200)


@require_POST
@viewed
def test(request: Request, pk: int) -> HttpResponse:
    endpoint = _endpoint(request, pk)
    try:
        outcome = services.send_test(endpoint=endpoint, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        if outcome.accepted:
            messages.success(request, f"{endpoint.name} took the test.")
        else:
            messages.error(request, f"{endpoint.name} did not take the test: {outcome.error}.")
    return redirect("my_paging" if request.POST.get("back") == "my_paging" else "pagers")


@require_POST
@viewed
def code(request: Request, pk: int) -> HttpResponse:
    endpoint = _endpoint(request, pk)
    try:
        outcome = services.send_code(endpoint=endpoint, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        said = "A code is on its way." if outcome.accepted else f"The code could not be sent: {outcome.error}."
        (messages.success if outcome.accepted else messages.error)(request, said)
    return redirect("pagers")


@require_POST
@viewed
def verify(request: Request, pk: int) -> HttpResponse:
    endpoint = _endpoint(request, pk)
    typed = request.POST.get("code", "")[:20]
    if services.verify(endpoint=endpoint, code=typed, actor=request.actor, now=request.moment):
        messages.success(request, f"{endpoint.address} is yours: it can be paged now.")
    else:
        messages.error(request, "That was not the code that was sent, or it is too old. Ask for another.")
    return redirect("pagers")


@require_POST
@viewed
def switch(request: Request, pk: int) -> HttpResponse:
    endpoint = _endpoint(request, pk)
    on = request.POST.get("enabled") == "on"
    services.switch(endpoint=endpoint, enabled=on, actor=request.actor, now=request.moment)
    messages.success(request, f"{endpoint.name} is {'on' if on else 'off'}.")
    return redirect("pagers")


@require_POST
@viewed
def carrier(request: Request) -> HttpResponse:
    form = CarrierForm(request.POST)
    if not form.is_valid():
        return render(request, "paging/pagers.html", {**_page(request), "carrier_form": form}, status=422)
    services.set_carrier(
        organisation=request.organisation, actor=request.actor, now=request.moment, **form.cleaned_data
    )
    messages.success(request, f"{form.cleaned_data['name']} sends texts and calls from now on.")
    return redirect("pagers")


@require_POST
@viewed
def slack_app(request: Request) -> HttpResponse:
    form = SlackAppForm(request.POST)
    if not form.is_valid():
        return render(request, "paging/pagers.html", {**_page(request), "slack_form": form}, status=422)
    secret = form.cleaned_data["signing_secret"]
    services.set_slack_app(
        organisation=request.organisation, signing_secret=secret, actor=request.actor, now=request.moment
    )
    messages.success(request, "Buttons in Slack act here from now on; pagers added after this have them.")
    return redirect("pagers")


def _endpoint(request: Request, pk: int) -> PagerEndpoint:
    rows = PagerEndpoint.objects.select_related("user", "organisation").defer("secret")
    return get_object_or_404(rows, organisation=request.organisation, pk=pk)


def _page(request: Request) -> dict[str, Any]:
    manages = allowed(request.actor, Verb.MANAGE_PAGERS, request.organisation)
    found = list(queries.endpoints(organisation=request.organisation, actor=request.actor))
    return {
        "here": "pagers",
        "mine": [one for one in found if one.user_id == request.user.pk],
        "others": [one for one in found if one.user_id not in {request.user.pk, None}],
        "rooms": [one for one in found if one.user_id is None],
        "manages": manages,
        "kinds": [one for one in CHANNELS.values() if one.kind != "demo" and (manages or not one.managed)],
        "carriers": list(queries.carriers(organisation=request.organisation)) if manages else [],
        "carrier_form": CarrierForm(),
        "slack_form": SlackAppForm(),
        "slack_ready": SlackApp.objects.filter(organisation=request.organisation).exists(),
        "slack_url": f"{settings.TAILWATCH_BASE_URL}/answers/slack/{request.organisation.slug}/",
        "mail_ready": bool(settings.TAILWATCH_SMTP_URL),
    }
