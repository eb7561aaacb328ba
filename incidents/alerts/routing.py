"""The routing tree: what an alert becomes, by matchers. The first route that fits is taken, unless it says `continue`.

    routes:
      - name: serving
        match: ['team="serving"']
        policy: nights
        routes:
          - {name: chat in Europe, match: ['service="chat"', 'region=~"eu-.*"'], group_by: [region], group_wait: 30s}
      - {name: staging, match: ['environment="staging"'], urgency: ticket, continue: true}
      - {name: noise, match: ['alertname="Watchdog"'], drop: true}
    inhibit:
      - {name: the node is down, source: ['alertname="NodeDown"'], target: ['alertname!="NodeDown"'], equal: [node]}
    topology: true

A child adds to its parent and counts over it. After a route that continues, the routes below it are asked too: what they set is
added, and where both set the same the later one counts. An alert that no route takes keeps the defaults: grouped by service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import yaml

from incidents.alerts.inhibition import BY_TOPOLOGY, Rule
from incidents.alerts.matchers import EXPECTED, BadMatcher, Labels, Matcher, all_fit, parse
from observability.core.documents import NodeReader, WithProblems

URGENCIES = ("page", "ticket", "info")
KINDS = ("burn", "outage", "shift", "cost", "contract", "policy", "kpi")
DEEPEST = 10


@dataclass(frozen=True, slots=True)
class Settings:
    """What a route sets; None is "not said". Slugs name a service, a team, an escalation policy."""

    service: str | None = None
    team: str | None = None
    policy: str | None = None
    urgency: str | None = None
    kind: str | None = None
    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    resolve_after: timedelta | None = None
    reopen_within: timedelta | None = None
    drop: bool | None = None

    def over(self, other: Settings) -> Settings:
        """These settings, and the other's where these say nothing."""
        return replace(
            other, **{one.name: value for one in fields(self) if (value := getattr(self, one.name)) is not None}
        )


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree."""

    name: str
    matchers: tuple[Matcher, ...]
    settings: Settings
    goes_on: bool = False
    children: tuple[Route, ...] = ()
    line: int = 1


@dataclass(frozen=True, slots=True)
class Routes:
    """The whole document."""

    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = BY_TOPOLOGY


@dataclass(frozen=True, slots=True)
class Taken:
    """What an alert gets and the path that gave it: ("serving", "chat in Europe")."""

    settings: Settings = Settings()
    path: tuple[str, ...] = ()

    @property
    def given(self) -> list[tuple[str, str]]:
        """What was set, in words: [("service", "chat"), ("group by", "region")]."""
        values = [(one.name, getattr(self.settings, one.name)) for one in fields(self.settings)]
        return [(name.replace("_", " "), _said(value)) for name, value in values if value is not None]

    @property
    def said(self) -> str:
        return " > ".join(self.path) or "no route: the defaults"


def _said(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, tuple):
        return ", ".join(value) or "everything together"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Asked:
    """A route that was asked on the way: for `manage.py route test` and the page that shows it."""

    depth: int
    route: Route
    fits: bool


def take(*, routes: Routes, labels: Labels, seen: Callable[[Asked], None] | None = None) -> Taken:
    """The way of an alert with these labels through the tree."""
    return _take(routes.routes, labels, Taken(), 0, seen)


def _take(
    routes: tuple[Route, ...], labels: Labels, so_far: Taken, depth: int, seen: Callable[[Asked], None] | None
) -> Taken:
    for route in routes:
        fits = all_fit(route.matchers, labels)
        if seen is not None:
            seen(Asked(depth, route, fits))
        if not fits:
            continue
        here = Taken(route.settings.over(so_far.settings), (*so_far.path, route.name))
        so_far = _take(route.children, labels, here, depth + 1, seen)
        if not route.goes_on:
            break
    return so_far


class RoutesRefused(WithProblems, ValueError):
    """The document has problems; each names its line, what was found and what was expected."""


@lru_cache(maxsize=64)
def load(text: str, *, file: str = "routes") -> Routes:
    """The routes of a YAML document, validated whole. Raises RoutesRefused."""
    reader = _Reader(file)
    return reader.read(text, reader.document, refused=RoutesRefused) or Routes()


class _Reader(NodeReader):
    """The document by its shape."""

    def document(self, node: yaml.Node) -> Routes:
        found = self.mapping(node, "", {"routes": "", "inhibit": "", "topology": ""})
        topology = self.truth(found["topology"], "topology") if "topology" in found else True
        rules = tuple(self.rule(one, path) for one, path in self.items(found.get("inhibit"), "inhibit"))
        return Routes(
            routes=self.routes(found.get("routes"), "routes", 0),
            rules=rules + (BY_TOPOLOGY if topology else ()),
        )

    def routes(self, node: yaml.Node | None, path: str, depth: int) -> tuple[Route, ...]:
        if depth > DEEPEST and node is not None:
            self.refuse(node, path, f"at most {DEEPEST} levels")
            return ()
        return tuple(self.route(one, at, depth) for one, at in self.items(node, path))

    def route(self, node: yaml.Node, path: str, depth: int) -> Route:
        found = self.mapping(node, path, _ROUTE_KEYS)
        if "name" not in found:
            self.refuse(node, path, "a name", "none")
        given = {key: _SETTINGS[key](self, found[key], f"{path}.{key}") for key in found if key in _SETTINGS}
        return Route(
            name=self.text(found["name"], f"{path}.name") if "name" in found else "",
            matchers=self.matchers(found.get("match"), f"{path}.match"),
            settings=Settings(**given),
            goes_on=self.truth(found["continue"], f"{path}.continue") if "continue" in found else False,
            children=self.routes(found.get("routes"), f"{path}.routes", depth + 1),
            line=node.start_mark.line + 1,
        )

    def rule(self, node: yaml.Node, path: str) -> Rule:
        found = self.mapping(node, path, {"name": "", "source": "", "target": "", "equal": ""})
        for name in ("name", "source", "target"):
            if name not in found:
                self.refuse(node, path, f"a {name}", "none")
        return Rule(
            name=self.text(found["name"], f"{path}.name") if "name" in found else "",
            source=self.matchers(found.get("source"), f"{path}.source"),
            target=self.matchers(found.get("target"), f"{path}.target"),
            equal=self.texts(found["equal"], f"{path}.equal") if "equal" in found else (),
        )

    def matchers(self, node: yaml.Node | None, path: str) -> tuple[Matcher, ...]:
        return tuple(filter(None, (self.matcher(one, at) for one, at in self.items(node, path))))

    def matcher(self, node: yaml.Node, path: str) -> Matcher | None:
        try:
            return parse(self.text(node, path, EXPECTED))
        except BadMatcher as error:
            if not self.problems or self.problems[-1].path != path:
                found, _, expected = str(error).partition(", expected ")
                self.refuse(node, path, expected, found.removeprefix("found "))
            return None


_SETTINGS: Mapping[str, Callable[[_Reader, yaml.Node, str], Any]] = {
    "service": _Reader.text,
    "team": _Reader.text,
    "policy": _Reader.text,
    "urgency": lambda reader, node, path: reader.one_of(URGENCIES)(node, path),
    "kind": lambda reader, node, path: reader.one_of(KINDS)(node, path),
    "group_by": _Reader.texts,
    "group_wait": _Reader.span,
    "resolve_after": _Reader.span,
    "reopen_within": _Reader.span,
    "drop": _Reader.truth,
}
_ROUTE_KEYS = dict.fromkeys(("name", "match", *_SETTINGS, "continue", "routes"), "")
