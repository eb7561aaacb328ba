"""Settings from the environment: each reader returns a typed value or stops the start with one sentence.

A secret NAME may also come from the file that NAME_FILE points to (Docker and Kubernetes secrets).
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


class SettingError(SystemExit):
    """A setting is missing or malformed; the message names it, what was found and what was expected."""

    def __init__(self, name: str, found: str, expected: str) -> None:
        super().__init__(f"Setting {name}: found {found}, expected {expected}.")


def env_text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def env_bool(name: str, *, default: bool) -> bool:
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise SettingError(name, repr(text), "true or false")


def env_int(name: str, *, default: int, low: int, high: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit() or not low <= int(text) <= high:
        raise SettingError(name, repr(text), f"a whole number from {low} to {high}")
    return int(text)


def env_list(name: str, *, default: tuple[str, ...]) -> list[str]:
    text = os.environ.get(name, "").strip()
    return [part.strip() for part in text.split(",") if part.strip()] if text else list(default)


def env_secret(name: str, *, default: str | None = None, shortest: int = 1) -> str:
    """The secret NAME, or the first line of the file NAME_FILE; without a default it must be there."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(
                f"{name}_FILE", f"{path!r} ({error.strerror})", "a readable file holding the secret"
            ) from None
    else:
        value = os.environ.get(name, "").strip() or (default or "")
    if not value:
        raise SettingError(name, "nothing", f"a secret, or a file that holds it in {name}_FILE")
    if len(value) < shortest:
        raise SettingError(name, f"{len(value)} characters", f"at least {shortest}")
    return value


def env_url(name: str, *, default: str = "", schemes: tuple[str, ...]) -> str:
    text = os.environ.get(name, "").strip() or default
    if text and urlsplit(text).scheme not in schemes:
        raise SettingError(name, repr(text), "an address starting with " + " or ".join(f"{s}://" for s in schemes))
    return text


def env_database(name: str) -> dict[str, object]:
    """A Django DATABASES entry from the address in NAME."""
    return parse_database_url(
        name, os.environ.get(name, "").strip() or "postgresql://tailwatch_app@127.0.0.1:5432/tailwatch"
    )


def parse_database_url(name: str, text: str) -> dict[str, object]:
    """A DATABASES entry from postgresql://user:password@host:port/name, or ...@/name?host=/socket/folder."""
    parts = urlsplit(text)
    if parts.scheme not in {"postgres", "postgresql"} or len(parts.path) < 2:
        raise SettingError(
            name, repr(parts._replace(netloc="...").geturl()), "postgresql://user:password@host:port/name"
        )
    query = parse_qs(parts.query)
    try:
        port = parts.port
    except ValueError:
        raise SettingError(name, "a malformed port", "a whole number after the host") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", [unquote(parts.hostname or "")])[0],
        "PORT": str(port or query.get("port", [""])[0]),
    }
