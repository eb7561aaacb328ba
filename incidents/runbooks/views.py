"""Runbooks: the list, one to read, one's own written and restored, and what people do by one in an incident."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import incidents.screens.queries.runbooks as screens
from incidents.response.models import Incident
from incidents.runbooks import queries, services
from incidents.runbooks.services import RunbookUnusable
from incidents.trees import queries as trees
from observability.core.access import Request, viewed
from observability.core.refusals import Refused

NEW = """---
title: What it looks like
slug: a-name
matches: [the-leaf]
severity: 2
owner: your team
---

## Symptom

What people see.

## Why it happens

The mechanism, with figures.

## Confirm and refute

1. [diagnostic] Did requests rise? `traffic_factor > 1.5 x`

## Mitigate now

2. [manual] What to do first, and when it is done.

## Root cause

Where to look afterwards.

## Harden

- What makes it rarer.
"""
ONLY = (("", "All"), ("stale", "Not practised lately"), ("own", "Your own"))


@require_safe
@viewed
def runbooks(request: Request) -> HttpResponse:
    given = {name: request.GET.get(name, "")[:100].replace("\x00", "") for name in ("owner", "q", "only")}
    shelf = screens.the_shelf(
        organisation=request.organisation,
        now=request.moment,
        owner=given["owner"],
        words=given["q"].strip(),
        only=given["only"],
    )
    folder = queries.folder(organisation=request.organisation)
    page = {"here": "runbooks", "shelf": shelf, "given": given, "only": ONLY, "folder": folder}
    return render(request, "runbooks/list.html", page)


@require_safe
@viewed
def runbook(request: Request, slug: str) -> HttpResponse:
    found = screens.readable(organisation=request.organisation, slug=slug, now=request.moment)
    if found is None:
        raise Http404("There is no runbook of this name.")
    used = screens.used_in(organisation=request.organisation, runbook=slug)
    folder = queries.folder(organisation=request.organisation)
    refused = folder.problems.get(f"{slug}.md", "") if folder is not None else ""
    page = {"here": "runbooks", "book": found, "incidents": used, "refused": refused}
    return render(request, "runbooks/page.html", page)


@require_safe
@viewed
def of_objective(request: Request, indicator: str) -> HttpResponse:
    """The runbook for objectives of a kind: from an SLO's page it is one tap away."""
    found = queries.for_objective(organisation_id=request.organisation.pk, indicator=indicator)
    return redirect("runbook", found.runbook.slug) if found is not None else redirect("runbooks")


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def edit(request: Request, slug: str) -> HttpResponse:
    """Write one, see what it becomes, let it count."""
    held = queries.books(organisation_id=request.organisation.pk).get(slug)
    if slug and held is None:
        raise Http404("There is no runbook of this name.")
    if request.method != "POST":
        return _editor(request, slug, held.text if held is not None else NEW)
    text, note = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("note", "")
    if "preview" in request.POST:
        return _editor(request, slug, text, note=note, preview=True)
    try:
        saved = services.save(
            organisation=request.organisation, text=text, slug=slug, note=note, actor=request.actor, now=request.moment
        )
    except RunbookUnusable as error:
        return _editor(request, slug, text, note=note, problems=error)
    except Refused as reason:
        messages.error(request, str(reason))
        return _editor(request, slug, text, note=note)
    return redirect("runbook", saved.slug)


def _editor(
    request: Request,
    slug: str,
    text: str,
    *,
    note: str = "",
    preview: bool = False,
    problems: RunbookUnusable | None = None,
) -> HttpResponse:
    page: dict[str, object] = {"here": "runbooks", "slug": slug, "text": text, "note": note}
    if preview:
        try:
            parsed = services.validated(text=text, slug=slug)
        except RunbookUnusable as error:
            problems = error
        else:
            page["parsed"], page["html"] = parsed, screens.html_of(parsed)
            page["strangers"] = screens.strangers(parsed, trees.running(organisation_id=request.organisation.pk).leaves)
    page["problems"] = problems.problems if problems is not None else ()
    return render(request, "runbooks/edit.html", page, status=422 if problems is not None else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def history(request: Request, slug: str) -> HttpResponse:
    """Every version with who and when; one to read, to go back to, or all taken back."""
    if request.method == "POST":
        try:
            _change(request, slug)
        except Refused as reason:
            messages.error(request, str(reason))
        return redirect("runbook_history", slug)
    versions = list(queries.versions(organisation=request.organisation, slug=slug)[:200])
    shipped = queries.shipped().get(slug)
    if not versions and shipped is None:
        raise Http404("There is no runbook of this name.")
    shown = next((one for one in versions if str(one.version) == request.GET.get("version")), None)
    page = {"here": "runbooks", "slug": slug, "versions": versions, "shown": shown, "shipped": shipped is not None}
    return render(request, "runbooks/history.html", page)


def _change(request: Request, slug: str) -> None:
    given = request.POST.get("version", "")
    if "withdraw" in request.POST:
        services.withdraw(organisation=request.organisation, slug=slug, actor=request.actor, now=request.moment)
    else:
        version = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
        services.restore(
            organisation=request.organisation, slug=slug, version=version, actor=request.actor, now=request.moment
        )


@require_POST
@viewed
def work(request: Request, number: int, verb: str) -> HttpResponse:
    """Open the incident's runbook, ask its checks again, tick a step off."""
    rows = Incident.objects.select_related("organisation", "service")
    incident = get_object_or_404(rows, organisation=request.organisation, number=number)
    step = request.POST.get("step", "")
    try:
        match verb:
            case "open":
                services.begin(incident=incident, actor=request.actor, now=request.moment)
            case "checks":
                services.ask_again(incident=incident, actor=request.actor, now=request.moment)
            case "step":
                wanted = int(step) if step.isascii() and step.isdigit() and len(step) < 5 else 0
                done = request.POST.get("done") == "on"
                services.tick(incident=incident, number=wanted, done=done, actor=request.actor, now=request.moment)
            case _:
                raise Http404
    except Refused as reason:
        messages.error(request, str(reason))
    return redirect(f"/incidents/{number}/#runbook")
