"""What every pager shares: how a request leaves, and how an answer reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from incidents.paging.retry import LONGEST_WAIT, Outcome, permanent
from observability.core import outbound


class Transport(Protocol):
    """How a request leaves; `observability.core.outbound.post` is the real one."""

    def __call__(
        self, *, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 10.0
    ) -> outbound.Answer:
        """POST and return the answer, or raise outbound.OutboundError."""
        ...


def post(*, transport: Transport, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Outcome:
    """One request as an outcome: what was answered, or whether it may have arrived."""
    try:
        answer = transport(url=url, body=body, headers=headers, timeout_seconds=timeout_seconds)
    except outbound.OutboundError as error:
        return Outcome(
            status_code=None, error=str(error), permanent=error.permanent, arrived=None if error.sent else False
        )
    accepted = 200 <= answer.status_code < 300
    return Outcome(
        status_code=answer.status_code,
        error="" if accepted else f"answered {answer.status_code}: {_shown(answer.body)}",
        permanent=not accepted and permanent(answer.status_code),
        arrived=True,
        retry_after_seconds=_retry_after(answer.headers),
    )


def _shown(body: bytes) -> str:
    # PostgreSQL keeps no NUL, and a try that cannot be written down would be made again and again.
    return " ".join(body[:200].replace(b"\0", b" ").decode("utf-8", errors="replace").split()) or "nothing"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds; the form with a date is not read, the own schedule holds then."""
    for name, value in headers.items():
        if name.lower() == "retry-after" and value.strip().isdecimal():
            return min(float(value.strip()), LONGEST_WAIT.total_seconds())
    return None
