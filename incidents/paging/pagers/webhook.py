"""The generic webhook: a POST of JSON, signed with the endpoint's secret."""

from __future__ import annotations

from incidents.paging import signature
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome

TIMEOUT_SECONDS = 10.0


def send(*, url: str, secret: str, body: bytes, page_key: str, at: int, transport: base.Transport) -> Outcome:
    """Send one copy; `at` (unix seconds) goes into the signature, so that receivers can refuse old ones.

    `page_key` is one a page: who keeps to Idempotency-Key drops what has the same, and the next page must get through.
    """
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Tailwatch",
        "Idempotency-Key": page_key,
        signature.HEADER: signature.sign(secret=secret, body=body, at=at),
    }
    return base.post(transport=transport, url=url, body=body, headers=headers, timeout_seconds=TIMEOUT_SECONDS)
