"""The Dash app: one address a page, one callback that draws it, one that follows a click. Imported on the first request only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import ALL, Input, Output, dcc, html
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from dashboards.choice import chosen
from dashboards.shelf import BOARDS, FIRST
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
        title="Dashboards · Tailwatch",
        csrf_token_name="csrftoken",  # noqa: S106 - the name of a cookie
        use_async=False,
        add_log_handler=False,
        suppress_callback_exceptions=True,  # charts come and go with the pages
    )
    app.layout = html.Div([dcc.Location(id="address"), dcc.Location(id="go", refresh=True), html.Div(id="page")])

    @app.callback(Output("page", "children"), Input("address", "pathname"), Input("address", "search"))
    def page(pathname: str | None, search: str | None) -> Any:
        return drawn(pathname or "", search or "")

    @app.callback(Output("go", "href"), Input({"type": "chart", "name": ALL}, "clickData"), prevent_initial_call=True)
    def follow(clicks: Sequence[Any]) -> Any:
        return followed([one["value"] for one in dash.ctx.triggered]) or dash.no_update

    return app


def drawn(pathname: str, search: str) -> list[Any]:
    """The page at an address, as its viewer may see it; an unknown one is the first."""
    slug = pathname.removeprefix("/dash/").strip("/")
    board = BOARDS.get(slug, BOARDS[FIRST])
    viewer = VIEWER.get()
    choice = chosen(page=board.slug, given=dict(parse_qsl(search.lstrip("?"))), asks=board.asks)
    return board.draw(board.load(organisation=viewer.organisation, choice=choice, now=viewer.moment))


def followed(values: Sequence[Any]) -> str:
    """The address behind the point that was clicked; '' where nothing was, or it leads nowhere of ours.

    >>> followed([{"points": [{"x": 1, "customdata": "/incidents/4/"}]}])
    '/incidents/4/'
    """
    for value in values:
        points = value.get("points") if isinstance(value, dict) else None
        address = (
            points[0].get("customdata") if isinstance(points, list) and points and isinstance(points[0], dict) else None
        )
        if isinstance(address, str) and address.startswith("/") and not address.startswith(("//", "/\\")):
            return address
    return ""


@cache
def policy() -> str:
    """The site's content policy, with Dash's inline scripts by hash, its inline styles, and the pictures it makes itself."""
    own = {
        "script-src": " ".join(["'self'", *dash_app().csp_hashes()]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
    }
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, **own}.items())
