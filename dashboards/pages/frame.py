"""What every dashboard has: the answer, the way to the others, choices, charts that lead on, tables, downloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from dash import dcc, html

from dashboards import figures
from dashboards.choice import RANGE_NAMES, Choice
from dashboards.figures import Figure
from dashboards.reports.executive import Money
from dashboards.shelf import BOARDS
from dashboards.theme import config

#: More services than these are chosen from a list that opens.
TABS_AT_MOST = 8


def frame(
    *, choice: Choice, headline: str, lead: str, services: Sequence[str] = (), sections: Iterable[Any],
    notes: Iterable[Any] = (), views: Sequence[tuple[str, str]] = (), ranges: Sequence[str] = tuple(RANGE_NAMES),
    every_service: bool = True,
) -> list[Any]:  # fmt: skip
    """The whole page: the answer first, then what it rests on. `views` are (word in the address, name)."""
    return [
        html.Nav(
            [tab(board.name, choice.but(page=slug), slug == choice.page) for slug, board in BOARDS.items()],
            className="tabs boards no-print",
            **_aria("Dashboards"),
        ),
        html.H1(headline),
        html.P(lead, className="lead"),
        html.Div(
            [
                *([_services(choice, services, every_service)] if services else []),
                *([_views(choice, views)] if views else []),
                *([_ranges(choice, ranges)] if ranges else []),
            ],
            className="between filters no-print",
        ),
        *sections,
        *(html.P(note, className="muted small") for note in notes),
        html.P(
            [html.A("As CSV", href=choice.csv_address), " · PNG: the camera above each chart"],
            className="muted small no-print",
        ),
    ]


def tab(name: str, choice: Choice, here: bool) -> Any:
    return dcc.Link(name, href=choice.address, className="here" if here else "")


def section(title: str, *parts: Any) -> Any:
    return html.Section([html.H2(title), *parts])


def duo(*sections: Any) -> Any:
    """Side by side where there is room."""
    return html.Div(list(sections), className="duo")


def graph(name: str, figure: Figure, label: str) -> Any:
    """A chart; what a click on a point leads to is in the point. `label` says it to who does not see it."""
    chart = dcc.Graph(figure=figure, config=cast(Any, config(name)), id={"type": "chart", "name": name})
    return html.Div(chart, role="img", **_aria(label))


def facts(rows: Iterable[tuple[str, str, str]]) -> Any:
    """(name, value, what it rests on) side by side."""
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd([value, html.Small(small)])]) for name, value, small in rows],
        className="facts",
    )


def table(head: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Any:
    """`head` is (name, class) of each column; on a phone each value follows its column's name."""
    body = [
        html.Tr([
            cell if isinstance(cell, html.Td) else html.Td(cell, className=kind, **(_data(name) if "n" in kind.split() else {}))
            for cell, (name, kind) in zip(row, head, strict=True)
        ])
        for row in rows
    ]  # fmt: skip
    return html.Table(
        [html.Thead(html.Tr([html.Th(name, className=kind) for name, kind in head])), html.Tbody(body)],
        className="stack",
    )


def state(word: str, kind: str) -> Any:
    return html.Span(word, className=f"state {kind}")


def link(text: str, address: str) -> Any:
    return html.A(html.B(text), href=address)


def below(part: Any, said: Sequence[Any]) -> Any:
    """A table with a line under it, where there is something to say."""
    return html.Div([part, *([html.P(list(said), className="muted small")] if said else [])])


def spent(choice: Choice, money: Money, within: tuple[datetime, datetime]) -> Any:
    """USD in each step of the range; a click leads to the ledger."""
    if not any(usd for _, usd in money.steps):
        return empty("No cost is known.", "Set a price (manage.py cost): what was used counts from its date on.")
    figure = figures.columns(
        [at for at, _ in money.steps],
        [None if usd is None else float(usd) for _, usd in money.steps],
        unit="USD",
        said="$%{y:,.2f}",
        tickprefix="$",
        addresses=[choice.but(page="cost").address] * len(money.steps),
        within=within,
        step=choice.step,
    )
    return graph("cost", figure, f"USD a {money.each}")


def empty(first: str, then: str) -> Any:
    return html.Div(html.P([html.B(first), f" {then}"]), className="empty")


def _services(choice: Choice, services: Sequence[str], every_service: bool) -> Any:
    names = [*([("", "All services")] if every_service else []), *((one, one) for one in services)]
    tabs = [tab(name, choice.but(service=slug), slug == choice.service) for slug, name in names]
    if len(services) <= TABS_AT_MOST:
        return html.Nav(tabs, className="tabs", **_aria("Service"))
    return html.Details(
        [html.Summary(choice.service or "All services"), html.Nav(tabs, className="tabs", **_aria("Service"))]
    )


def _ranges(choice: Choice, ranges: Sequence[str]) -> Any:
    tabs = [tab(RANGE_NAMES[key], choice.but(range=key), key == choice.range) for key in ranges]
    return html.Nav(tabs, className="tabs", **_aria("Range"))


def _views(choice: Choice, views: Sequence[tuple[str, str]]) -> Any:
    here = choice.view or views[0][0]
    return html.Nav(
        [tab(said, choice.but(view=key), key == here) for key, said in views], className="tabs", **_aria("Shown")
    )


def _aria(label: str) -> dict[str, Any]:
    return {"aria-label": label}


def _data(label: str) -> dict[str, Any]:
    """The column's name, which a phone shows before the value."""
    return {"data-label": label}
