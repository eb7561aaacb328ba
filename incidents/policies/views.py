"""Escalation policies: the list, one with who is told when, its form, gone. Parse, load, one call, answer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.oncall import services
from incidents.oncall.document import DAYS
from incidents.oncall.models import EscalationPolicy
from incidents.oncall.queries.policies import read as policy_of
from incidents.oncall.services import PolicySettings, StepSpec, TargetSpec
from incidents.paging.escalation import Policy
from incidents.policies import draft as drafts
from incidents.policies import queries
from incidents.policies.draft import Draft, StepDraft, Wanted
from observability.core import permissions
from observability.core.access import Request, viewed
from observability.core.permissions import Verb
from observability.core.refusals import Refused


@require_safe
@viewed
def policies(request: Request) -> HttpResponse:
    rows = queries.policies(organisation=request.organisation, at=request.moment)
    page = {
        "here": "policies",
        "rows": rows,
        "default": next((row for row in rows if row.policy.is_default), None),
    }
    return render(request, "policies/list.html", page)


@require_safe
@viewed
def policy(request: Request, slug: str) -> HttpResponse:
    row, severity = _load(request, slug), _severity(request.GET.get("severity", ""))
    course = queries.run(organisation=request.organisation, policy=policy_of(row), severity=severity, at=request.moment)
    page = {"here": "policies", "policy": row, "course": course, "severity": severity, "severities": range(1, 6)}
    return render(request, "policies/policy.html", page)


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def edit(request: Request, slug: str = "") -> HttpResponse:
    """The form; each of its buttons but Save brings it back with a step more, less or elsewhere, and draws it anew."""
    permissions.require(request.actor, Verb.MANAGE_ONCALL, request.organisation)
    row = _load(request, slug) if slug else None
    if request.method != "POST":
        fresh = Draft(steps=(StepDraft(zone=request.user.time_zone),))
        return _form(request, row, queries.draft_of(row) if row is not None else fresh, press="")
    press = request.POST.get("do", "")
    given = drafts.posted(request.POST).after(press, zone=request.user.time_zone)
    return _form(request, row, given, press=press or "show")


@require_POST
@viewed
def remove(request: Request, slug: str) -> HttpResponse:
    row = _load(request, slug)
    services.remove_policy(policy=row, actor=request.actor, now=request.moment)
    messages.success(request, f"{row.name} is used no more. Escalations under way go on with what they began with.")
    return redirect("policies")


def _form(request: Request, row: EscalationPolicy | None, draft: Draft, *, press: str) -> HttpResponse:
    offered = queries.choices(request.organisation)
    wanted, wrong = drafts.read(draft, known=offered.targets)
    if press == "save" and wanted is not None:
        try:
            made = _save(request, row, draft, wanted, offered)
        except Refused as reason:
            wrong = [str(reason)]
        else:
            messages.success(request, f"{made.name} is saved. Escalations under way keep what they began with.")
            return redirect("policy", made.slug)
    severity = _severity(request.POST.get("as", ""))
    page: dict[str, Any] = {
        "here": "policies",
        "policy": row,
        "draft": draft,
        "wrong": wrong if press == "save" else [],
        "choices": offered,
        "days": DAYS,
        "severity": severity,
        "severities": range(1, 6),
        "missing": wrong,
    }
    if wanted is not None:
        steps = drafts.steps(draft, wanted, known=offered.targets)
        drawn = Policy(name=draft.name, steps=steps, repeats=wanted.repeats)
        page["course"] = queries.run(
            organisation=request.organisation, policy=drawn, severity=severity, at=request.moment
        )
    return render(request, "policies/edit.html", page, status=422 if page["wrong"] else 200)


def _save(
    request: Request, row: EscalationPolicy | None, draft: Draft, wanted: Wanted, offered: queries.Choices
) -> EscalationPolicy:
    kind, _, name = draft.scope.partition(":")
    service = next((one for one in offered.services if kind == "service" and one.slug == name), None)
    team = next((one for one in offered.teams if kind == "team" and one.slug == name), None)
    if draft.scope and service is None and team is None:
        raise Refused(f"What it is for: {draft.scope} is not here any more.")
    steps = [
        StepSpec(
            targets=[TargetSpec(*target.split(":", 1)) for target in step.targets],  # type: ignore[arg-type]
            after_seconds=wait,
            round_robin=step.round_robin,
            mildest_severity=step.severity,
            hours=hours,
            zone=step.zone,
        )
        for step, wait, hours in zip(draft.steps, wanted.waits, wanted.hours, strict=True)
    ]
    return services.save_policy(
        organisation=request.organisation,
        slug=row.slug if row is not None else services.free_slug(request.organisation, draft.name),
        name=draft.name,
        steps=steps,
        given=PolicySettings(
            repeats=wanted.repeats,
            acknowledgements=wanted.acknowledgements,
            sev1_answer_seconds=wanted.sev1_answer_seconds,
            other_answer_seconds=wanted.other_answer_seconds,
            service=service,
            team=team,
            is_default=draft.is_default,
            is_fallback=draft.is_fallback,
        ),
        actor=request.actor,
        now=request.moment,
    )


def _load(request: Request, slug: str) -> EscalationPolicy:
    found = queries.policy(organisation=request.organisation, slug=slug)
    if found is None:
        raise Http404
    return found


def _severity(text: str) -> int:
    """The severity that is drawn: what is asked for, else SEV2, the mildest that wakes people."""
    return int(text) if text in set("12345") and text else 2
