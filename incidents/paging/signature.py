"""The signature of a message: `X-Tailwatch-Signature: t=<unix seconds>,v1=<hex>`.

v1 is the HMAC-SHA256, keyed with the endpoint's secret, of "<unix seconds>.<body>". A receiver compares in constant
time and refuses what is older than it likes: that is what the time is in there for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum

HEADER = "X-Tailwatch-Signature"


class SignatureVerdict(StrEnum):
    """What `verify` found."""

    GOOD = "good"
    MALFORMED = "the header is not t=<unix seconds>,v1=<hex>"
    WRONG = "the signature does not fit the body"
    OLD = "the signature is too old"


def sign(*, secret: str, body: bytes, at: int) -> str:
    """The header's value: sign(secret="s", body=b"{}", at=1) → "t=1,v1=2f3a..."."""
    return f"t={at},v1={_digest(secret=secret, body=body, at=at)}"


def verify(
    *, secret: str, body: bytes, header: str, now: int | None = None, tolerance_seconds: int = 300
) -> SignatureVerdict:
    """Whether `header` signs `body`. Without `now` the age does not count."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    moment, given = parts.get("t", ""), parts.get("v1", "")
    if not moment.isascii() or not moment.isdigit() or not given:
        return SignatureVerdict.MALFORMED
    if not hmac.compare_digest(_digest(secret=secret, body=body, at=int(moment)).encode(), given.encode()):
        return SignatureVerdict.WRONG
    if now is not None and abs(now - int(moment)) > tolerance_seconds:
        return SignatureVerdict.OLD
    return SignatureVerdict.GOOD


def _digest(*, secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def of_slack(*, secret: str, body: bytes, timestamp: str, header: str, now_seconds: float) -> bool:
    """Whether Slack sent this, within five minutes: v0= and the hex HMAC-SHA256 of "v0:<timestamp>:<body>".

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    if not timestamp.isdecimal() or abs(now_seconds - int(timestamp)) > 300:
        return False
    expected = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={expected}".encode(), header.encode())


def of_twilio(*, secret: str, url: str, form: Mapping[str, str], header: str) -> bool:
    """Whether Twilio sent this: base64 HMAC-SHA1 of the address and the form's names and values, sorted by name.

    https://www.twilio.com/docs/usage/security#validating-requests
    """
    text = url + "".join(name + form[name] for name in sorted(form))
    expected = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return hmac.compare_digest(expected.encode(), header.encode())
