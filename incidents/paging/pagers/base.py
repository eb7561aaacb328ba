"""What every pager shares: the letter it gets, how a request leaves, and how an answer reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import Any, Protocol, cast

from incidents.paging.message import Message
from incidents.paging.retry import LONGEST_WAIT, Outcome, permanent
from observability.core import outbound

TIMEOUT_SECONDS = 10.0
#: Kinds of endpoint whose vendor is told in a file of another name.
_FILES = {"demo": "webhook", "sms": "twilio", "voice": "twilio"}


@dataclass(frozen=True, slots=True)
class Account:
    """The organisation's account with a carrier: its address, its name there, and what it may say it is."""

    name: str
    url: str
    account: str
    secret: str = field(repr=False)
    sender: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One copy of a page, ready to leave.

    `key` is one a page: who folds by it drops a second copy, and the next page must get through. `at` is unix seconds.
    `answer_url` takes what the vendor sends back about it; "" where nothing does. `interactive`: buttons in the chat are answered.
    """

    kind: str
    message: Message
    url: str
    address: str
    secret: str = field(repr=False)
    options: Mapping[str, Any]
    key: str
    at: int
    page: int
    attempt: int = 1
    accounts: tuple[Account, ...] = ()
    answer_url: str = ""
    interactive: bool = False


class Transport(Protocol):
    """How a request leaves; `observability.core.outbound.post` is the real one."""

    def __call__(
        self, *, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 10.0
    ) -> outbound.Answer:
        """POST and return the answer, or raise outbound.OutboundError."""
        ...


class Vendor(Protocol):
    """A file of this folder."""

    def send(self, letter: Letter, *, transport: Transport) -> Outcome:
        """One try."""
        ...


def vendor(kind: str) -> Vendor:
    """The file that sends to endpoints of this kind."""
    return cast(Vendor, import_module(f"incidents.paging.pagers.{_FILES.get(kind, kind)}"))


def post(
    *,
    transport: Transport,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Outcome:
    """One request as an outcome: what was answered, or whether it may have arrived."""
    try:
        answer = transport(url=url, body=body, headers=headers, timeout_seconds=timeout_seconds)
    except outbound.OutboundError as error:
        return Outcome(
            status_code=None,
            error=str(error),
            permanent=error.permanent,
            arrived=None if error.sent else False,
            hung=error.hung,
        )
    accepted = 200 <= answer.status_code < 300
    return Outcome(
        status_code=answer.status_code,
        error="" if accepted else f"answered {answer.status_code}: {_shown(answer.body)}",
        permanent=not accepted and permanent(answer.status_code),
        arrived=True,
        retry_after_seconds=_retry_after(answer.headers),
        answer=answer.body.decode("utf-8", errors="replace") if accepted else "",
    )


def post_json(*, transport: Transport, url: str, document: object, headers: Mapping[str, str] | None = None) -> Outcome:
    """`post` of a JSON document."""
    body = json.dumps(document, ensure_ascii=False).encode()
    named = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Tailwatch", **(headers or {})}
    return post(transport=transport, url=url, body=body, headers=named)


def _shown(body: bytes) -> str:
    # PostgreSQL keeps no NUL, and a try that cannot be written down would be made again and again.
    return " ".join(body[:200].replace(b"\0", b" ").decode("utf-8", errors="replace").split()) or "nothing"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds; a date counts from the answer's own Date, so that neither clock matters. None: the own schedule holds."""
    named = {name.lower(): value.strip() for name, value in headers.items()}
    value = named.get("retry-after", "")
    if value.isdecimal():
        return min(float(value), LONGEST_WAIT.total_seconds())
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(named["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT.total_seconds())
