"""The gateway's control endpoint: POST /control/<service> with a signed order; off until the fleet is started with a secret.

    {"action": "warm_restart", "parameters": {"replica": "chat-1"}, "undo": false, "dry_run": false}
    X-Tailwatch-Signature: t=...,v1=...        over the body, as Tailwatch's webhooks sign
    Idempotency-Key: ...                       the same key again does nothing anew and tells how far it is

    200 {"state": "done" | "running", "detail": "chat-1 restarts"}     409 what does not fit the fleet      401 what is not signed

What it says of a restart is that the process is back. Whether it answers, a completion tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from probes import signing
from probes.simfleet.fleet import Fleet, UnknownName
from probes.simfleet.operations import OPERATIONS, Begun, CannotDo

KEY_HEADER = "Idempotency-Key"
Answer = tuple[int, dict[str, Any]]


class Control:
    """The orders of one fleet by their key. Not locked: who shares a fleet between threads holds its lock."""

    def __init__(self, fleet: Fleet, *, secret: str) -> None:
        self._fleet, self._secret = fleet, secret
        self._begun: dict[str, Begun] = {}

    def answer(self, service: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """`headers` by any object that finds a name as it is written here."""
        if not self._secret:
            return 403, {"error": "this fleet was started without a control secret"}
        header = headers.get(signing.HEADER) or ""
        if wrong := signing.refusal(secret=self._secret, body=body, header=header, now=self._fleet.now):
            return 401, {"error": wrong}
        try:
            order = json.loads(body)
            action, parameters = order["action"], order.get("parameters") or {}
            key = headers.get(KEY_HEADER) or str(order["key"])
            begin = OPERATIONS[action]
            pool = self._fleet.pool(service)
            if not isinstance(parameters, dict):
                raise ValueError(parameters)
        except UnknownName as problem:
            return 404, {"error": str(problem)}
        except (ValueError, KeyError, TypeError, AttributeError):
            return 400, {"error": f"expected action (one of {', '.join(OPERATIONS)}), parameters and a key"}
        if order.get("dry_run"):
            return 200, {"state": "done", "detail": f"would do {action} on {service}; nothing was changed"}
        try:
            begun = self._once(key, lambda: self._undo(order) if order.get("undo") else begin(pool, parameters))
        except CannotDo as problem:
            return 409, {"state": "failed", "error": str(problem)}
        return 200, {"state": "done" if begun.done() else "running", "detail": begun.said}

    def _once(self, key: str, begin: Callable[[], Begun]) -> Begun:
        if key not in self._begun:
            self._begun[key] = begin()
            self._fleet.rename()
        return self._begun[key]

    def _undo(self, order: Mapping[str, Any]) -> Begun:
        """`undo` names the key of the order to take back."""
        before = self._begun.get(str(order["undo"]))
        if before is None or before.undo is None:
            raise CannotDo("there is nothing here that could be taken back")
        before.undo()
        return Begun(f"taken back: {before.said}", lambda: True)
