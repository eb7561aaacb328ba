"""Dash behind Django: the request goes through login, roles and content policy here, then to Dash's WSGI application.

Dash writes inline styles, so 'unsafe-inline' is allowed for styles under /dash/ and nowhere else; its few inline scripts are
allowed by their hashes. A callback is a POST: it must come from our own pages (Sec-Fetch-Site, and Django's CSRF token, which
Dash sends as a header).
"""

from __future__ import annotations

import csv
import io
from contextvars import ContextVar
from typing import Any

from django.http import HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed
from django.middleware.csrf import get_token
from django.views.decorators.http import require_safe
from werkzeug.test import run_wsgi_app

from dashboards.choice import chosen
from dashboards.shelf import BOARDS
from observability.core.access import Request, viewed

#: Who looks, for the callbacks: Dash calls them without our request.
VIEWER: ContextVar[Request] = ContextVar("viewer")
CALLBACK = "/dash/_dash-update-component"
PASSED_ON = {"content-type", "cache-control", "etag", "last-modified", "content-encoding"}


@viewed
def serve(request: Request) -> HttpResponse:
    """One request of the browser, answered by Dash as `request.actor`."""
    if request.method == "POST" and (
        request.path != CALLBACK or request.headers.get("Sec-Fetch-Site") != "same-origin"
    ):
        return HttpResponseForbidden(
            "Callbacks are accepted from Tailwatch's own pages only.", content_type="text/plain"
        )
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    from dashboards.app import dash_app, policy  # Dash takes seconds to import: on the first request only

    get_token(request)
    token = VIEWER.set(request)
    try:
        body, status, headers = run_wsgi_app(dash_app().server, _environ(request), buffered=True)
    finally:
        VIEWER.reset(token)
    response = HttpResponse(b"".join(body), status=int(status.split(" ", 1)[0]))
    for name, value in headers:
        if name.lower() in PASSED_ON:
            response.headers[name] = value
    response.headers["Content-Security-Policy"] = policy()
    return response


def _environ(request: Request) -> dict[str, Any]:
    environ: dict[str, Any] = dict(request.environ)  # type: ignore[attr-defined]
    return {**environ, "wsgi.input": io.BytesIO(request.body), "SCRIPT_NAME": "", "PATH_INFO": request.path}


@require_safe
@viewed
def table(request: Request, slug: str) -> HttpResponse:
    """A dashboard's table as a spreadsheet reads it; numbers with all their digits, nothing where there is no data."""
    board = BOARDS[slug]
    choice = chosen(page=slug, given=request.GET.dict(), asks=board.asks)
    report = board.load(organisation=request.organisation, choice=choice, now=request.moment)
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{slug}.csv"'}
    )
    csv.writer(response).writerows([_cell(value) for value in row] for row in board.rows(report))
    return response


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is told to be a text."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return "" if value is None else value
