"""Settings from the environment: each reader returns a typed value or stops the start with one sentence.

A secret NAME may also come from the file that NAME_FILE points to (Docker and Kubernetes secrets).
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

#: What Django calls the parts of an address by, and libpq.
CONNECTION = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
SEVERAL_SERVERS = {"target_session_attrs": "read-write", "connect_timeout": "5"}

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
    """A DATABASES entry from any address that libpq reads: postgresql://user:password@host:port/name, ...@/name?host=/socket/folder,
    or a primary and its standbys, ...@one:5432,two:5432/name. Its further options (sslmode, ...) are passed on as they are.

    Of several servers the one that takes writes is asked: after a promotion that is another one, and each may take 5 s to say so.
    """
    parts = urlsplit(text)
    expected = "postgresql://user:password@host:port/name"
    if parts.scheme not in {"postgres", "postgresql"} or len(parts.path) < 2:
        raise SettingError(name, repr(parts._replace(netloc="...").geturl()), expected)
    try:
        given = {key: str(value) for key, value in conninfo_to_dict(text).items()}
    except ProgrammingError:  # its words may hold the password
        raise SettingError(name, "an address that libpq cannot read", expected) from None
    named = {key: given.pop(option, "") for key, option in CONNECTION.items()}
    ports = named["PORT"].split(",")
    if not all(port.isdigit() or not port for port in ports):
        raise SettingError(name, "a malformed port", "a whole number after the host")
    if "," in named["HOST"]:
        given = {**SEVERAL_SERVERS, **given}
    named["PORT"] = named["PORT"] if any(ports) else ""
    return {"ENGINE": "django.db.backends.postgresql", **named, "OPTIONS": given}
