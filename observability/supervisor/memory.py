"""How much memory the platform holds: PSS shares each page among the processes that map it, so the sum is the true cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Share:
    """One process of the tree and its proportional memory."""

    pid: int
    parent: int
    command: str
    pss_bytes: int


def tree(root: int) -> list[Share]:
    """The process `root` and all below it that /proc still shows; empty where there is no /proc."""
    parents = read_parents()
    members = [root]
    for pid in members:
        members.extend(child for child, parent in parents.items() if parent == pid)
    return [share for pid in members if (share := read_share(pid, parents)) is not None]


def read_parents() -> dict[int, int]:
    found = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return found


def read_share(pid: int, parents: Mapping[int, int]) -> Share | None:
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        rollup = (PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return None
    kibibytes = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return Share(pid=pid, parent=parents.get(pid, 0), command=command, pss_bytes=kibibytes * 1024)


def branches(shares: list[Share], root: int) -> list[tuple[int, str, int]]:
    """Per child of `root` (and `root` itself): its process id, command, and the PSS of its whole branch."""
    by_pid = {share.pid: share for share in shares}

    def top(share: Share) -> int:
        while share.pid != root and share.parent != root and share.parent in by_pid:
            share = by_pid[share.parent]
        return share.pid

    totals: dict[int, int] = {}
    for share in shares:
        totals[top(share)] = totals.get(top(share), 0) + share.pss_bytes
    return [(pid, by_pid[pid].command, total) for pid, total in totals.items()]
