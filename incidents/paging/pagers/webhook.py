"""The generic webhook: a POST of JSON, signed with the endpoint's secret; the body is ours or a template of the user's."""

from __future__ import annotations

from incidents.paging import message, signature, template
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    """Send one copy; `at` goes into the signature, so that receivers can refuse old ones."""
    shape = letter.options.get("template")
    body = template.filled(shape, letter.message) if isinstance(shape, dict) else message.body(letter.message)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Tailwatch",
        "Idempotency-Key": letter.key,
        signature.HEADER: signature.sign(secret=letter.secret, body=body, at=letter.at),
    }
    return base.post(transport=transport, url=letter.url, body=body, headers=headers)
