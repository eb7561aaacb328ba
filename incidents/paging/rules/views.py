"""How a person is reached: their pagers, what rings after how long, quiet hours. Parse, load, one call, answer."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from incidents.oncall import windows
from incidents.oncall.document import DAYS
from incidents.oncall.windows import Window
from incidents.paging.rules import form, queries, services
from incidents.paging.rules.form import Row
from observability.core.access import Request, viewed
from observability.core.refusals import Refused


@require_safe
@viewed
def my_paging(request: Request) -> HttpResponse:
    return _page(request)


@require_POST
@viewed
def set_rules(request: Request) -> HttpResponse:
    rows = form.posted(request.POST, without=request.POST.get("do", "").removeprefix("out-"))
    try:
        rules = form.read(rows)
        services.set_rules(
            organisation=request.organisation, user=request.user, rules=rules, actor=request.actor, now=request.moment
        )
    except Refused as reason:
        return _page(request, rows=rows, wrong=str(reason))
    messages.success(request, "Saved." if rules else "Saved: without rules all your pagers ring at once.")
    return redirect("my_paging")


@require_POST
@viewed
def set_quiet(request: Request) -> HttpResponse:
    given = windows.posted(request.POST, prefix="quiet") if request.POST.get("do") != "never" else ()
    comes_through = request.POST.get("comes_through", "2")
    try:
        services.set_quiet_hours(
            organisation=request.organisation,
            user=request.user,
            hours=windows.read(given),
            comes_through=int(comes_through) if comes_through in {"1", "2", "3", "4", "5"} else 0,
            actor=request.actor,
            now=request.moment,
        )
    except Refused as reason:
        return _page(request, quiet=given, wrong=str(reason))
    messages.success(request, "Saved." if given else "Saved: you have no quiet hours.")
    return redirect("my_paging")


def _page(
    request: Request, *, rows: Sequence[Row] | None = None, quiet: Sequence[Window] | None = None, wrong: str = ""
) -> HttpResponse:
    mine = queries.mine(organisation=request.organisation, user=request.user, now=request.moment)
    page = {
        "here": "mine",
        "mine": mine,
        "rows": [*(mine.rows if rows is None else rows), Row()],
        "windows": mine.windows if quiet is None else quiet,
        "wrong": wrong,
        "days": DAYS,
        "levels": range(1, 6),
    }
    return render(request, "paging/mine.html", page, status=422 if wrong else 200)
