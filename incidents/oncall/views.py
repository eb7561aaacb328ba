"""The on-call pages. Parse, load, one call, answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from incidents.oncall import exports, queries, services
from incidents.oncall.forms import OverrideForm, ScheduleForm, SwapForm, said
from incidents.oncall.importers import ical
from incidents.oncall.models import Schedule, ScheduleOverride, Swap
from incidents.oncall.schedule import OverrideKind
from incidents.oncall.walltime import instant
from incidents.screens.queries import oncall as screens
from observability.core import clock
from observability.core.access import Request, viewed
from observability.core.refusals import Refused

ANSWERS: dict[str, Callable[..., Swap]] = {
    "accept": services.accept_swap,
    "decline": services.decline_swap,
    "withdraw": services.withdraw_swap,
}
FURTHEST_WEEK = 520


@require_safe
@viewed
def overview(request: Request) -> HttpResponse:
    board = screens.overview(organisation=request.organisation, user=request.user, now=request.moment)
    return render(request, "oncall/overview.html", {"here": "oncall", "board": board})


@require_safe
@viewed
def schedule(request: Request, slug: str) -> HttpResponse:
    found, zone = _load(request, slug), _zone(request)
    sheet = screens.sheet(
        schedule=found,
        user=request.user,
        zone=zone,
        now=request.moment,
        week=_week(request),
        asked_at=_asked(request, zone),
    )
    return render(request, "oncall/schedule.html", {"here": "oncall", "sheet": sheet})


@viewed
def edit(request: Request, slug: str = "") -> HttpResponse:
    """A schedule's document, shown and saved; without a slug a new one."""
    found = _load(request, slug) if slug else None
    form = ScheduleForm(request.POST or _shown(found, request.moment))
    if request.method == "POST" and form.is_valid():
        try:
            made = services.save_schedule(
                organisation=request.organisation,
                slug=slug,
                actor=request.actor,
                now=request.moment,
                team=found.team if found is not None else None,
                **form.cleaned_data,
            )
        except Refused as reason:
            form.add_error("document", str(reason))
        else:
            return redirect("schedule", made.slug)
    return render(request, "oncall/edit.html", {"here": "oncall", "form": form, "schedule": found})


@require_POST
@viewed
def override(request: Request, slug: str) -> HttpResponse:
    form = OverrideForm(request.POST, zone=_zone(request))
    return _done(request, slug, form, lambda found, given: services.add_override(
        schedule=found,
        username=given["username"],
        instead_of=given["instead_of"],
        kind=OverrideKind(given["kind"]),
        reason=given["reason"],
        starts_at=given["starts"],
        ends_at=given["ends"],
        actor=request.actor,
        now=request.moment,
    ))  # fmt: skip


@require_POST
@viewed
def cancel_override(request: Request, slug: str, pk: int) -> HttpResponse:
    found = get_object_or_404(ScheduleOverride.objects.select_related("schedule"), pk=pk, schedule=_load(request, slug))
    services.cancel_override(override=found, actor=request.actor, now=request.moment)
    return redirect("schedule", slug)


@require_POST
@viewed
def swap(request: Request, slug: str) -> HttpResponse:
    form = SwapForm(request.POST, zone=_zone(request))
    return _done(request, slug, form, lambda found, given: services.ask_swap(
        schedule=found,
        window=(given["starts"], given["ends"]),
        taker=given["taker"],
        note=given["note"],
        actor=request.actor,
        now=request.moment,
    ))  # fmt: skip


@require_POST
@viewed
def answer_swap(request: Request, pk: int, verb: str) -> HttpResponse:
    found = get_object_or_404(
        Swap.objects.select_related("schedule"), pk=pk, schedule__organisation=request.organisation
    )
    if verb not in ANSWERS:
        raise Http404
    try:
        ANSWERS[verb](swap=found, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect("oncall")


@require_POST
@viewed
def note(request: Request, slug: str) -> HttpResponse:
    try:
        text = request.POST.get("text", "")
        services.add_note(schedule=_load(request, slug), text=text, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect("schedule", slug)


@require_POST
@viewed
def import_calendar(request: Request, slug: str) -> HttpResponse:
    """A file, or an address that is followed from now on."""
    found, file = _load(request, slug), request.FILES.get("calendar")
    asked: dict[str, Any] = {
        "schedule": found,
        "zone": str(_zone(request)),
        "actor": request.actor,
        "now": request.moment,
    }
    try:
        if file is not None:
            events = services.bring_calendar(text=file.read(ical.LARGEST_BYTES + 1), **asked)
        else:
            events = services.follow_calendar(address=request.POST.get("address", "").strip(), **asked)
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        unknown = sorted({event.title for event in events if not event.people})
        left = f"; nobody known in: {', '.join(unknown[:10])}" if unknown else ""
        messages.success(request, f"{len(events)} events read{left}.")
    return redirect("schedule", slug)


@require_POST
@viewed
def leave_calendar(request: Request, slug: str) -> HttpResponse:
    services.leave_calendar(schedule=_load(request, slug), actor=request.actor, now=request.moment)
    messages.success(request, "The calendar is not read any more; its shifts stay until the schedule is edited.")
    return redirect("schedule", slug)


@require_POST
@viewed
def make_feed(request: Request, slug: str = "") -> HttpResponse:
    found = _load(request, slug) if slug else None
    address = services.make_feed(
        organisation=request.organisation, user=request.user, schedule=found, actor=request.actor, now=request.moment
    )
    return render(request, "oncall/feed.html", {"here": "oncall", "address": address, "schedule": found})


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """No login: the address is the secret. It only reads, and no cache in between may keep it."""
    found = queries.feed(token=token)
    if found is None:
        raise Http404
    answer = HttpResponse(exports.feed_text(feed=found, now=clock.now()), content_type="text/calendar; charset=utf-8")
    answer["Cache-Control"] = "private, max-age=300"
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _done(request: Request, slug: str, form: Any, act: Callable[[Schedule, dict[str, Any]], object]) -> HttpResponse:
    found = _load(request, slug)
    if not form.is_valid():
        messages.error(request, said(form))
        return redirect("schedule", slug)
    try:
        act(found, form.cleaned_data)
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect("schedule", slug)


def _load(request: Request, slug: str) -> Schedule:
    return get_object_or_404(
        Schedule.objects.select_related("organisation", "team"), organisation=request.organisation, slug=slug
    )


def _zone(request: Request) -> ZoneInfo:
    return ZoneInfo(request.user.time_zone)


def _week(request: Request) -> int:
    text = request.GET.get("week", "0")
    return max(-FURTHEST_WEEK, min(FURTHEST_WEEK, int(text))) if text.removeprefix("-").isdecimal() else 0


def _asked(request: Request, zone: ZoneInfo) -> datetime | None:
    try:
        return instant(datetime.fromisoformat(request.GET.get("at", "")).replace(tzinfo=None), zone)
    except (ValueError, OverflowError):
        return None


def _shown(found: Schedule | None, now: datetime) -> dict[str, object]:
    if found is None:
        return {"covers_always": True}
    document = queries.current_document(schedule=found, at=now)
    kept = document.model_dump(mode="json", exclude_defaults=True) if document is not None else {}
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    return {"name": found.name, "document": text, "covers_always": found.covers_always}
