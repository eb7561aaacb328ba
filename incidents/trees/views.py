"""The decision tree that runs, its versions and overrides; an editor with validation and preview; a draft let run."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from incidents.diagnosis import record, shipped
from incidents.diagnosis.conditions import said
from incidents.diagnosis.tree import Tree
from incidents.response import tree_svg
from incidents.trees import queries, services
from incidents.trees.forms import OverrideForm
from incidents.trees.models import DecisionTree, ThresholdOverride
from incidents.trees.services import OverrideUnusable, TreeUnusable
from observability.core.access import Request, viewed


@require_safe
@viewed
def tree(request: Request) -> HttpResponse:
    return _overview(request, OverrideForm(organisation=request.organisation))


@require_http_methods(["GET", "HEAD", "POST"])
@viewed
def edit(request: Request) -> HttpResponse:
    """The editor: check the text and see it drawn and tried on past incidents, or keep it as a draft."""
    if request.method != "POST":
        chosen = queries.versions(organisation=request.organisation).filter(version=_number(request.GET.get("from")))
        first = chosen.first() or queries.active(organisation_id=request.organisation.pk)
        return _editor(request, first.text if first else shipped.text(), note="", checked=False)
    text, note = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("note", "")
    if "check" in request.POST:
        return _editor(request, text, note=note, checked=True)
    try:
        row = services.draft(
            organisation=request.organisation, text=text, note=note, actor=request.actor, now=request.moment
        )
    except TreeUnusable:
        return _editor(request, text, note=note, checked=True)
    return redirect("tree_version", row.version)


@require_safe
@viewed
def version(request: Request, version: int) -> HttpResponse:
    row = _version(request, version)
    context: dict[str, Any] = {"here": "tree", "row": row}
    try:
        parsed = services.validated(organisation=request.organisation, text=row.text)
    except TreeUnusable as error:
        context["problems"] = error.problems
    else:
        context |= _drawn(parsed) | {"compared": services.previewed(organisation=request.organisation, draft=parsed)}
    return render(request, "trees/version.html", context)


@require_POST
@viewed
def activate(request: Request, version: int) -> HttpResponse:
    try:
        services.activate(tree=_version(request, version), actor=request.actor, now=request.moment)
    except TreeUnusable:
        return redirect("tree_version", version)  # its page says what is wrong
    return redirect("tree")


@require_POST
@viewed
def use_shipped(request: Request) -> HttpResponse:
    services.use_shipped(organisation=request.organisation, actor=request.actor, now=request.moment)
    return redirect("tree")


@require_POST
@viewed
def add_override(request: Request) -> HttpResponse:
    form = OverrideForm(request.POST, organisation=request.organisation)
    if form.is_valid():
        try:
            services.override(**form.cleaned_data, actor=request.actor, now=request.moment)
        except OverrideUnusable as error:
            form.add_error(None, str(error))
        else:
            return redirect("tree")
    return _overview(request, form)


@require_POST
@viewed
def remove_override(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(ThresholdOverride, organisation=request.organisation, pk=pk)
    services.remove_override(row=row, actor=request.actor, now=request.moment)
    return redirect("tree")


def _version(request: Request, number: int) -> DecisionTree:
    return get_object_or_404(queries.versions(organisation=request.organisation), version=number)


def _number(found: str | None) -> int:
    return int(found) if found and found.isdecimal() and len(found) < 10 else 0


def _overview(request: Request, form: OverrideForm) -> HttpResponse:
    row = queries.active(organisation_id=request.organisation.pk)
    running = queries.running(organisation_id=request.organisation.pk)
    context = {
        "here": "tree",
        "row": row,
        "running": running,
        "refused": row is not None and running.version != row.version,
        "versions": queries.versions(organisation=request.organisation)[:30],
        "overrides": queries.overridden(organisation=request.organisation),
        "form": form,
    }
    return render(request, "trees/tree.html", context | _drawn(running), status=422 if form.errors else 200)


def _editor(request: Request, text: str, *, note: str, checked: bool) -> HttpResponse:
    context: dict[str, Any] = {"here": "tree", "text": text, "note": note, "checked": checked}
    status = 200
    if checked:
        try:
            parsed = services.validated(organisation=request.organisation, text=text)
        except TreeUnusable as error:
            context["problems"], status = error.problems, 422
        else:
            context |= _drawn(parsed) | {
                "compared": services.previewed(organisation=request.organisation, draft=parsed)
            }
    return render(request, "trees/edit.html", context, status=status)


def _drawn(found: Tree) -> dict[str, Any]:
    """The picture, and the same as a list for a phone and a screen reader."""
    questions = [
        {
            "id": node.id,
            "question": node.question,
            "answers": [
                {
                    "answer": edge.answer,
                    "when": said(edge.when).strip("()") if edge.when else "otherwise",
                    "to": edge.to,
                }
                for edge in node.edges
            ],
        }
        for node in found.nodes.values()
    ]
    return {
        "drawn": tree_svg.draw(record.outline(found)),
        "questions": questions,
        "leaves": list(found.leaves.values()),
        "found": found,
    }
