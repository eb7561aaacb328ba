"""Whether a sender's signature fits: Grafana's and PagerDuty's, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac

GRAFANA = "X-Grafana-Alerting-Signature"
PAGERDUTY = "X-PagerDuty-Signature"
#: How old a signed time may be, in seconds.
TOLERANCE_SECONDS = 300


def grafana(*, secret: str, body: bytes, signature: str, timestamp: str | None, now: int) -> bool:
    """hex(HMAC-SHA256(body)), or of "<timestamp>:<body>" where a timestamp header is configured; then its age counts too."""
    signed = body
    if timestamp is not None:
        if not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp[:15])) > TOLERANCE_SECONDS:
            return False
        signed = timestamp.encode() + b":" + body
    return hmac.compare_digest(_hex(secret, signed).encode(), signature.strip().lower().encode())


def pagerduty(*, secret: str, body: bytes, signatures: str) -> bool:
    """Any of "v1=<hex>,v1=<hex>": two while a secret is being replaced. Every one is compared, so that time tells nothing."""
    expected = f"v1={_hex(secret, body)}".encode()
    fits = [hmac.compare_digest(expected, one.strip().encode()) for one in signatures.split(",")[:20]]
    return any(fits)


def _hex(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
