"""Generic JSON: which fields of somebody's payload are an alert's, as paths.

    items        path of the list of alerts; empty: the payload is one alert (or a list of them)
    title        "check.name"            names of an object by dots, elements of a list by [n]: "checks[0].name"
    status       "state"                 with `firing` and `resolved`: the words that mean each
    fingerprint  "check.id | host.name"  the first of several paths that holds something
    severity     "=critical"             after "=" a text of its own
    labels       {"service": "host.app", "region": "=eu"}

What is not mapped is kept in `extra`. Without a mapping an object whose fields have these names is read as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from incidents.ingest.payloads import Malformed, Report, Reports, clean, cut, fingerprint, moment, texts

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_PATH = re.compile(r"(?:[^.\[\]|=]+|\[\d+\])(?:\.[^.\[\]|]+|\[\d+\])*")
PATHS = ("items", "title", "status", "fingerprint", "severity", "starts_at", "ends_at", "description", "link", "key")
DEFAULTS: Mapping[str, str] = {
    "title": "title | summary | message | name",
    "status": "status | state",
    "fingerprint": "fingerprint | dedup_key | id",
    "severity": "severity | priority | level",
    "starts_at": "starts_at | startsAt | timestamp",
    "ends_at": "ends_at | endsAt",
    "description": "description | details",
    "link": "link | url",
}
FIRING = (
    "firing",
    "alerting",
    "triggered",
    "trigger",
    "open",
    "down",
    "problem",
    "critical",
    "error",
    "active",
    "true",
    "1",
)
RESOLVED = (
    "resolved",
    "resolve",
    "ok",
    "up",
    "closed",
    "recovered",
    "recovery",
    "normal",
    "cleared",
    "inactive",
    "false",
    "0",
)


class BadMapping(ValueError):
    """The mapping cannot be used; the message names the field, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping, checked."""

    paths: Mapping[str, str] = field(default_factory=lambda: dict(DEFAULTS))
    labels: Mapping[str, str] = field(default_factory=dict)
    firing: tuple[str, ...] = FIRING
    resolved: tuple[str, ...] = RESOLVED


def checked(given: Mapping[str, Any]) -> Mapped:
    """The mapping as entered; what it leaves out has its default. Raises BadMapping."""
    known = {*PATHS, "labels", "firing", "resolved"}
    strangers = sorted(set(given) - known)
    if strangers:
        raise BadMapping(f"found {', '.join(strangers)}, expected {', '.join(sorted(known))}")
    labels = given.get("labels", {})
    if not isinstance(labels, dict):
        raise BadMapping("labels: expected an object of label names and paths")
    paths = {name: given[name] for name in PATHS if given.get(name)}
    for name, path in [*paths.items(), *((f"labels.{key}", value) for key, value in labels.items())]:
        if not isinstance(path, str) or not all(_is_path(one) for one in path.split("|")):
            raise BadMapping(f'{name}: found {path!r}, expected a path such as check.name or checks[0].id, or "=text"')
    return Mapped(
        paths={**DEFAULTS, **paths},
        labels=labels,
        firing=_words(given, "firing", FIRING),
        resolved=_words(given, "resolved", RESOLVED),
    )


def _words(given: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    words = given.get(name)
    if not words:
        return default
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadMapping(f"{name}: found {words!r}, expected a list of words")
    return tuple(word.lower() for word in words)


def _is_path(text: str) -> bool:
    text = text.strip()
    return text.startswith("=") or _PATH.fullmatch(text) is not None


def find(document: Any, path: str) -> Any:
    """What lies at the first of the paths that holds something: ({"a": {"b": [1]}}, "x | a.b[0]") → 1."""
    for one in path.split("|"):
        one = one.strip()
        found = one[1:] if one.startswith("=") else _walk(document, one)
        if found not in (None, ""):
            return found
    return None


def _walk(document: Any, path: str) -> Any:
    for name, index in _STEP.findall(path):
        if name and isinstance(document, dict):
            document = document.get(name)
        elif index and isinstance(document, list):
            document = document[int(index)] if int(index) < len(document) else None
        else:
            return None
    return document


def generic(document: Any, *, mapping: Mapped, now: datetime) -> Reports:
    """The alerts of somebody's payload. Raises Malformed where it holds none that can be read."""
    listed = find(document, mapping.paths["items"]) if "items" in mapping.paths else document
    items, problems = cut(listed if isinstance(listed, list) else [listed])
    reports = []
    for index, item in enumerate(items):
        try:
            reports.append(_report(item, mapping=mapping, now=now))
        except Malformed as error:
            problems.append(f"item {index}: {error}")
    if not reports and items:
        raise Malformed("; ".join(problems[:5]))
    key = find(document, mapping.paths["key"]) if "key" in mapping.paths else None
    return Reports(reports, problems, key=clean(str(key))[:200] if key is not None else None)


def _report(item: Any, *, mapping: Mapped, now: datetime) -> Report:
    if not isinstance(item, dict):
        raise Malformed("expected a JSON object; where the alerts lie deeper, set the path `items`")
    paths = mapping.paths
    title = find(item, paths["title"])
    if title is None:
        raise Malformed(f"no title: nothing is found at {paths['title']}")
    firing = _is_firing(find(item, paths["status"]), mapping)
    given = item.get("labels") if "labels" not in mapping.labels else None
    labels = {**texts(given), **texts({name: _plain(find(item, path)) for name, path in mapping.labels.items()})}
    labels.setdefault("alertname", clean(str(title))[:200])
    severity = find(item, paths["severity"])
    if severity is not None:
        labels.setdefault("severity", clean(str(severity))[:200])
    identity = find(item, paths["fingerprint"])
    starts_at, ends_at = _told_at(item, paths["starts_at"]), _told_at(item, paths["ends_at"])
    annotations = {"summary": title, **{name: find(item, paths[name]) for name in ("description", "link")}}
    return Report(
        fingerprint=clean(str(identity))[:200] if identity is not None else fingerprint(labels),
        firing=firing,
        labels=labels,
        annotations=texts({name: _plain(value) for name, value in annotations.items()}),
        starts_at=(starts_at or now) if firing else min(starts_at or ends_at or now, ends_at or now),
        ends_at=None if firing else ends_at or now,
        extra=item,
    )


def _is_firing(status: Any, mapping: Mapped) -> bool:
    """No status at all is an alert that fires: whoever posts says that something is wrong."""
    if status is None:
        return True
    word = str(status).lower()
    if word in mapping.resolved:
        return False
    if word in mapping.firing:
        return True
    raise Malformed(f"status: found {status!r}, expected one of {', '.join((*mapping.firing, *mapping.resolved))}")


def _plain(value: Any) -> Any:
    return value if not isinstance(value, dict | list) else None


def _told_at(item: Any, path: str) -> datetime | None:
    """A time as text, or as seconds or milliseconds since 1970."""
    value = find(item, path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value > 100_000_000_000 else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            raise Malformed(f"{path}: found {value!r}, expected seconds since 1970") from None
    return moment(value, path)


def built(values: Mapping[str, Any], *, items: str = "") -> dict[str, Any]:
    """An object that holds the values at the first of their paths: {"a.b[0] | c": 1} → {"a": {"b": [1]}}."""
    document: dict[str, Any] = {}
    for path, value in values.items():
        first = path.split("|")[0].strip()
        if not first.startswith("="):
            _put(document, first, value)
    if not items:
        return document
    around: dict[str, Any] = {}
    _put(around, items.split("|")[0].strip(), [document])
    return around


def _put(document: Any, path: str, value: Any) -> None:
    steps: list[str | int] = [name or int(index) for name, index in _STEP.findall(path)]
    for at, step in enumerate(steps):
        last = at + 1 == len(steps)
        inner: Any = value if last else [] if isinstance(steps[at + 1], int) else {}
        if isinstance(step, int):
            document.extend([None] * (step + 1 - len(document)))
            document[step] = inner if last or document[step] is None else document[step]
            document = document[step]
        else:
            document = document.setdefault(step, inner) if not last else document.update({step: inner})
