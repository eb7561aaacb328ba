"""The contract of R15, as somebody would write it down."""

from __future__ import annotations

from typing import Any

from sloengine.cost.contracts import terms

CLASSES = ("input", "cache_read", "output")
YEAR: dict[str, Any] = {
    "name": "Acme 2026",
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
    "period": "year",
    "commitment_tokens": "48_000_000_000",
    "rate": "0.13",
    "overage_rate": "0.15",
    "overage_cap_ratio": "0.10",
    "rate_beyond": "0.19",
    "currency": "USD",
    "owner": "lea",
}


def read(**more: Any) -> terms.Terms:
    return terms.read({**YEAR, **more}, services=["chat", "code"], classes=CLASSES)


def known(value):
    """What is there."""
    assert value is not None
    return value
