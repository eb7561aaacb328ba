"""What POST /faults and POST /mechanisms ask for. Pure: bytes in, a checked order out.

BadOrder        what was sent cannot be done: HTTP status and a sentence
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from probes.simfleet.faults import BENIGN, FAULTS, Fault
from probes.simfleet.mechanisms import MECHANISMS, Mechanism


class BadOrder(ValueError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Order:
    """`name` of a fault, of a benign event or of a mechanism. None: as it has it."""

    name: str
    start: bool
    service: str | None = None
    target: str | None = None
    onset: str | None = None
    seconds: float | None = None  # it ends by itself
    parameters: Mapping[str, float] = field(default_factory=dict)


def fault(body: bytes) -> Order:
    known = {**FAULTS, **BENIGN}
    document = _object(body)
    name, action = document.get("fault", document.get("name")), document.get("action")
    if not isinstance(name, str) or name not in known or action not in ("start", "stop"):
        raise BadOrder(400, f'expected {{"fault": one of {", ".join(known)}, "action": "start" or "stop"}}')
    seconds = document.get("seconds")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0):
        raise BadOrder(400, f"seconds: found {seconds!r}, expected a number above 0")
    texts = {key: document.get(key) for key in ("service", "target", "onset")}
    for key, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise BadOrder(400, f"{key}: found {value!r}, expected a text")
    return Order(name, action == "start", seconds=seconds, parameters=_numbers(document), **texts)


def mechanism(body: bytes) -> Order:
    document = _object(body)
    name, service, action = (document.get(key) for key in ("mechanism", "service", "action"))
    if not isinstance(name, str) or not isinstance(service, str) or action not in ("start", "stop"):
        raise BadOrder(400, "expected mechanism, service, action and numbers as GET /mechanisms lists")
    return Order(name, action == "start", service=service, parameters=_numbers(document))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise BadOrder(400, "the body is not JSON") from None
    if not isinstance(document, dict):
        raise BadOrder(400, "the body is not a JSON object")
    return document


def _numbers(document: Mapping[str, Any]) -> dict[str, float]:
    given = document.get("parameters") or {}
    if not isinstance(given, dict):
        raise BadOrder(400, f"parameters: found {given!r}, expected numbers by name")
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise BadOrder(400, f"parameters.{key}: found {value!r}, expected a number")
    return {str(key): float(value) for key, value in given.items()}


def fault_card(one: Fault, *, active: bool) -> dict[str, Any]:
    """A fault as GET /faults lists it."""
    return {
        "name": one.name,
        "title": one.title,
        "what": one.what,
        "service": one.service,
        "expected_leaf": one.expected_leaf,
        "benign": one.benign,
        "targets": list(one.targets),
        "onsets": list(one.onsets),
        "parameters": dict(one.parameters),
        "active": active,
    }


def mechanism_cards() -> list[dict[str, Any]]:
    """GET /mechanisms."""
    return [_mechanism_card(one) for one in MECHANISMS.values()]


def _mechanism_card(one: Mechanism) -> dict[str, Any]:
    return {"name": one.name, "what": one.what, "parameters": dict(one.parameters)}
