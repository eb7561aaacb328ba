"""Tokens that are shown once and kept as hashes: a stolen database opens nothing."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> tuple[str, str]:
    """A fresh token of 256 random bits, URL-safe, and the hash to keep: (plain, hash)."""
    plain = secrets.token_urlsafe(32)
    return plain, hash_token(plain)


def hash_token(plain: str) -> str:
    """SHA-256 in hex. A plain hash is enough: the token is random, there is no dictionary to try."""
    return hashlib.sha256(plain.encode()).hexdigest()
