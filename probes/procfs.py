"""Who listens on which port of this machine, and whose child a process is: read from /proc. What may not be read is absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
_LISTEN = "0A"


def listening(proc: Path = PROC) -> dict[int, int]:
    """Port to the process that listens on it: {8000: 4711}."""
    ports = {inode: port for table in ("tcp", "tcp6") for port, inode in _sockets(proc / "net" / table)}
    found: dict[int, int] = {}
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):
            for handle in (folder / "fd").iterdir():
                with suppress(OSError):
                    target = handle.readlink().name
                    if target.startswith("socket:[") and (port := ports.get(target[8:-1])) is not None:
                        found[port] = min(int(folder.name), found.get(port, int(folder.name)))
    return found


def parent(pid: int, proc: Path = PROC) -> int | None:
    try:
        words = (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return int(words[1]) or None
    except (OSError, IndexError, ValueError):
        return None


def _sockets(table: Path) -> Iterator[tuple[int, str]]:
    with suppress(OSError):
        for line in table.read_text("ascii", "replace").splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == _LISTEN:
                yield int(words[1].rpartition(":")[2], 16), words[9]
