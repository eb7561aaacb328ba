"""Whose a request was: allow-listed labels, headers and span attributes become tenant, tag and region. Pure.

Nothing else that a page, a span or a log line says of a caller is kept. Names that carry a key or a user are refused when the
configuration is read, and values that look like one (`sk-...`, a hash, a token, an address) count as unknown. Unknown is a
bucket like any other, so the parts always add up to the whole: 90 of web, 8 without a team and 2 of an `sk-1234567890` are
web 90 and unknown 10.

    attribution:
      tenant:
        labels: [team_alias]            # of metrics; the first with a value counts
        headers: [x-tenant]             # of access log lines
        attributes: [tenant.id]         # of spans and OpenTelemetry metrics
        values: {t-17: web}             # optional: another name
        keep: [web, mobile]             # optional: any other is "other"
        limit: 200                      # distinct values; those that come after are "other"
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probes import shape

DIMENSIONS = ("tenant", "tag", "region")
UNKNOWN, OTHER = "unknown", "other"
LIMIT, LONGEST = 200, 100

_NOBODY = frozenset({"", "none", "null", "nil", "n/a", "-", "unknown", "undefined"})
_PERSONAL_NAME = re.compile(
    r"(?i)(?:^|[_.\-])(?:api[_\-]?key|keys?|tokens?|secret|password|credentials?|authorization|cookie|session|jwt|sub"
    r"|users?|userid|username|end[_\-]?user|e?mail|ip|phone)(?:$|[_.\-])"
)
_PERSONAL_VALUE = re.compile(
    r"(?i)^(?:sk|pk|rk|hf|ghp|gho|xoxb|xoxp|bearer|basic)[-_ ]\S{6,}$|^[0-9a-f]{32,}$|^eyJ[\w-]{8,}|@|^\d{1,3}(?:\.\d{1,3}){3}$"
)


@dataclass(frozen=True, slots=True)
class Take:
    """Where one dimension is taken from, and what its values may be."""

    labels: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()  # in lower case
    attributes: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    keep: tuple[str, ...] = ()
    limit: int = LIMIT


@dataclass(frozen=True, slots=True)
class Attribution:
    takes: tuple[tuple[str, Take], ...] = ()

    def take(self, dimension: str) -> Take | None:
        return next((take for name, take in self.takes if name == dimension), None)


NOTHING = Attribution()


def load(node: shape.Node) -> Attribution:
    """The `attribution` section; a name that carries a key or a user raises ShapeError."""
    if not node.given:
        return NOTHING
    return Attribution(tuple((name, _take(one)) for name, one in node.only(*DIMENSIONS).items()))


def _take(node: shape.Node) -> Take:
    node.only("labels", "headers", "attributes", "values", "keep", "limit")
    values = node["values"]
    return Take(
        labels=_names(node["labels"]),
        headers=tuple(name.lower() for name in _names(node["headers"])),
        attributes=_names(node["attributes"]),
        values=tuple((key, one.text()) for key, one in values.items()) if values.given else (),
        keep=node["keep"].texts() if node["keep"].given else (),
        limit=int(node["limit"].number(low=1, high=10_000)) if node["limit"].given else LIMIT,
    )


def _names(node: shape.Node) -> tuple[str, ...]:
    if not node.given:
        return ()
    for name in node.texts():
        if _PERSONAL_NAME.search(name):
            raise shape.ShapeError(node.file, node.path, name, "a name that carries no key and no user")
    return node.texts()


class Attributor:
    """Values as they may be shown. It remembers which it gave, so that a dimension has at most `limit` and "other"."""

    def __init__(self, attribution: Attribution | None = None) -> None:
        self.attribution = attribution or NOTHING
        self.past_limit = 0  # values that came after the limit; who exports takes them
        self._given: dict[str, set[str]] = {}

    def takes(self, dimension: str, kind: str) -> tuple[str, ...]:
        """The names that the configuration allows: kind is labels, headers or attributes."""
        take = self.attribution.take(dimension)
        found: tuple[str, ...] = getattr(take, kind) if take is not None else ()
        return found

    def of(self, dimension: str, found: Mapping[str, str], names: Sequence[str]) -> str:
        """The value of the first of these names that has one, as it may be shown; unknown where none has."""
        return self.shown(dimension, next((found[name] for name in names if not nobody(found.get(name))), ""))

    def shown(self, dimension: str, value: str) -> str:
        value = value.strip()
        take = self.attribution.take(dimension) or Take()
        value = dict(take.values).get(value, value)
        personal = dimension in DIMENSIONS and _PERSONAL_VALUE.search(value)
        if nobody(value) or len(value) > LONGEST or personal:
            return UNKNOWN
        if take.keep and value not in take.keep:
            return OTHER
        given = self._given.setdefault(dimension, set())
        if value not in given:
            if len(given) >= take.limit:
                self.past_limit += 1
                return OTHER
            given.add(value)
        return value


def nobody(value: str | None) -> bool:
    return value is None or value.strip().lower() in _NOBODY
