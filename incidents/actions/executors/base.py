"""What every executor shares: the order it gets, how a request leaves, how an answer reads, and the completion that proves a restart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast
from urllib.parse import quote

from incidents.actions.course import Progress, Result
from incidents.actions.document import Completion
from incidents.paging import signature
from observability.core import outbound

TIMEOUT_SECONDS = 10.0
LONGEST_OUTPUT = 4000
PROMPT = "Say ok."
_PLACE = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order, ready to leave. `key` is one a run, however often it is sent; `places` fill the braces of addresses and inputs.

    `undo` is the key of the order to take back; `perhaps` says that an earlier copy may have arrived. `at` is unix seconds.
    """

    kind: str
    key: str
    action: str
    service: str
    incident: str
    parameters: Mapping[str, Any]
    places: Mapping[str, str]
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    rehearse: bool = False
    undo: str = ""
    perhaps: bool = False
    at: int = 0

    def filled(self, text: str) -> str:
        """ "https://x/{replica}" → "https://x/chat-1"; a place that has no value stays as it is written."""
        return _PLACE.sub(lambda match: self.places.get(match[1], match[0]), text)

    def address(self, text: str) -> str:
        """As `filled`, for an address: what fills it comes from labels that engines send, so it is quoted whole."""
        return _PLACE.sub(lambda match: quote(self.places.get(match[1], match[0]), safe=""), text).rstrip("/")


class Transport(Protocol):
    """How a request leaves; `observability.core.outbound.post` is the real one."""

    def __call__(
        self, *, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> outbound.Answer:
        """POST and return the answer, or raise outbound.OutboundError."""
        ...


class Executor(Protocol):
    """A file of this folder."""

    def send(self, order: Order) -> Result:
        """Carry the order out, or ask how far it is: the same key again does nothing anew."""
        ...


_transport: Transport = outbound.post


def use(transport: Transport | None) -> None:
    """Let requests leave another way, for this process: a fleet in virtual time answers in memory. None: over the network again."""
    global _transport
    _transport = transport if transport is not None else outbound.post


def executor(kind: str) -> Executor:
    """The file that carries out orders of this kind."""
    return cast(Executor, import_module(f"incidents.actions.executors.{kind}"))


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer that was taken (2xx), or what became of the request."""

    document: Mapping[str, Any]
    text: str
    otherwise: Result | None = None
    status_code: int = 0


def post(*, url: str, document: object, headers: Mapping[str, str], secret: str = "", at: int = 0) -> Posted:
    """POST a document, signed where there is a secret. What was not taken is a Result already."""
    body = json.dumps(document, ensure_ascii=False).encode()
    named = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Tailwatch", **headers}
    if secret:
        named[signature.HEADER] = signature.sign(secret=secret, body=body, at=at)
    try:
        answer = _transport(url=url, body=body, headers=named, timeout_seconds=TIMEOUT_SECONDS)
    except outbound.OutboundError as error:
        progress = Progress.FAILED if error.permanent else Progress.LOST if error.sent else Progress.AGAIN
        return Posted({}, "", Result(progress=progress, detail=str(error)[:500]))
    text = answer.body.replace(b"\0", b" ").decode("utf-8", errors="replace")[:LONGEST_OUTPUT]
    if 200 <= answer.status_code < 300:
        return Posted(_document(text), text, None, answer.status_code)
    said = str(_document(text).get("error") or " ".join(text[:200].split()) or "nothing")
    # 408, 425, 429 and 503 say that it was not taken; any other 5xx may hide that it was.
    again = answer.status_code in {408, 425, 429, 503}
    progress = Progress.AGAIN if again else Progress.LOST if answer.status_code >= 500 else Progress.FAILED
    refused = Result(progress=progress, detail=f"answered {answer.status_code}: {said}"[:500])
    return Posted({}, text, refused, answer.status_code)


def read(posted: Posted) -> Result:
    """{"state": "done" | "running" | "failed", "detail": ..., "output": ...}; a 2xx that says nothing is done."""
    if posted.otherwise is not None:
        return posted.otherwise
    state = str(posted.document.get("state", "done"))
    known = {"done": Progress.DONE, "running": Progress.RUNNING, "failed": Progress.FAILED}
    detail = str(posted.document.get("detail") or posted.document.get("error") or "")[:500]
    output = str(posted.document.get("output") or "")[:LONGEST_OUTPUT]
    if state not in known:
        return Result(progress=Progress.FAILED, detail=f"answered the state {state[:40]!r}, which nobody knows")
    return Result(progress=known[state], detail=detail, output=output)


def completed(*, order: Order, completion: Completion) -> Result:
    """Whether the replica answers a prompt: DONE with how it answered, else RUNNING. /health is not asked: it lies."""
    url = order.address(completion.url) + "/v1/completions"
    posted = post(url=url, document={"model": completion.model, "prompt": PROMPT, "max_tokens": 4}, headers={})
    if posted.otherwise is not None:
        return Result(progress=Progress.RUNNING, detail=f"no completion yet: {posted.otherwise.detail}"[:500])
    choices = posted.document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    if not str(first.get("text") or "").strip():
        return Result(progress=Progress.RUNNING, detail="no completion yet: an answer without text")
    return Result(progress=Progress.DONE, detail="a completion has come back")


def _document(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
