"""The signature of a message, as Tailwatch's outbound webhooks carry it: `X-Tailwatch-Signature: t=<unix seconds>,v1=<hex>`. Pure.

v1 is the HMAC-SHA256, keyed with the secret that both sides hold, of "<unix seconds>.<body>".
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "X-Tailwatch-Signature"
TOLERANCE_SECONDS = 300.0


def sign(*, secret: str, body: bytes, at: int) -> str:
    """The header's value: sign(secret="s", body=b"{}", at=1) → "t=1,v1=..."."""
    return f"t={at},v1={_digest(secret, body, at)}"


def refusal(*, secret: str, body: bytes, header: str, now: float) -> str:
    """Why a message with this header is not taken; "" where it is."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    moment, given = parts.get("t", ""), parts.get("v1", "")
    if not moment.isascii() or not moment.isdigit() or not given:
        return f"{HEADER} is not t=<unix seconds>,v1=<hex>"
    if not hmac.compare_digest(_digest(secret, body, int(moment)).encode(), given.encode()):
        return "the signature does not fit the body"
    if abs(now - int(moment)) > TOLERANCE_SECONDS:
        return "the signature is too old"
    return ""


def _digest(secret: str, body: bytes, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
