"""The Dash app: one address a page, one callback that draws it. Imported on the first request only."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import Input, Output, dcc, html
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from dashboards import data
from dashboards.pages import slo
from dashboards.view import VIEWER
from observability.middleware import POLICY

BLOCKS = ("metas", "css", "app_entry", "config", "scripts", "renderer")


class Framed(dash.Dash):
    """Dash inside base.html, so that it has our bar, our tokens and our keys."""

    def interpolate_index(self, *args: Any, **kwargs: Any) -> str:
        blocks = {name: mark_safe(str(kwargs.get(name, ""))) for name in BLOCKS}  # noqa: S308 - Dash's own markup
        return render_to_string("dash.html", {"here": "dash", **blocks}, VIEWER.get())


@cache
def dash_app() -> dash.Dash:
    app = Framed(
        "tailwatch",
        requests_pathname_prefix="/dash/",
        routes_pathname_prefix="/dash/",
        serve_locally=True,
        include_assets_files=False,
        update_title="",
        title="SLO · Tailwatch",
        csrf_token_name="csrftoken",  # noqa: S106 - the name of a cookie
        use_async=False,
        add_log_handler=False,
    )
    app.layout = html.Div([dcc.Location(id="address"), html.Div(id="page")])

    @app.callback(Output("page", "children"), Input("address", "search"))
    def page(search: str | None) -> Any:
        viewer = VIEWER.get()
        choice = data.choice(dict(parse_qsl((search or "").lstrip("?"))))
        return slo.page(data.slo_report(organisation=viewer.organisation, choice=choice, now=viewer.moment))

    return app


@cache
def policy() -> str:
    """The site's content policy, with Dash's inline scripts by hash, its inline styles, and the pictures it makes itself."""
    own = {
        "script-src": " ".join(["'self'", *dash_app().csp_hashes()]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
    }
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, **own}.items())
