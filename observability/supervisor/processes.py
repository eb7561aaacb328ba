"""Child processes that cannot outlive us: own process group, own user when asked, killed by the kernel if we die."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """Who a child runs as; None means as ourselves."""

    uid: int | None = None
    gid: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        """No other group for another account; our own for ourselves."""
        return None if self.uid is None else []


def die_with_parent(sent: int) -> Callable[[], None]:
    """Runs in the child before its program: the kernel sends it `sent` when the parent is gone (Linux)."""
    parent = os.getpid()

    def set_signal() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, sent)
            if os.getppid() != parent:  # the parent died before prctl took hold
                os._exit(1)

    return set_signal


def start(
    *,
    argv: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    account: Account = Account(),
    output: int | IO[bytes] = subprocess.PIPE,
    parent_death: int = signal.SIGTERM,
    nice: int = 0,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `argv` in a process group of its own; call from the main thread, whose end is what the kernel watches."""
    bound = die_with_parent(parent_death)

    def before_program() -> None:
        if nice:
            os.nice(nice)
        bound()

    return subprocess.Popen(
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment) if environment is not None else None,
        cwd=folder,
        process_group=0,
        preexec_fn=before_program,  # two system calls, no locks taken
        user=account.uid,
        group=account.gid,
        extra_groups=account.extra_groups,
    )


def send(process: subprocess.Popen[bytes], sent: int) -> None:
    """A signal to the child's whole process group; a group that is gone already is no news."""
    try:
        os.killpg(process.pid, sent)
    except (ProcessLookupError, PermissionError):
        return


def stop(
    process: subprocess.Popen[bytes], *, first: int = signal.SIGTERM, grace_seconds: float = 8.0, close: bool = True
) -> None:
    """Asks politely, waits, then ends the whole group."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            send(process, signal.SIGKILL)
            process.wait(5)
    send(process, signal.SIGKILL)
    if close and process.stdout is not None:
        process.stdout.close()


def wait_until(ready: Callable[[], bool], *, timeout_seconds: float, every_seconds: float = 0.02) -> bool:
    """True as soon as `ready()` is; False when it was not within the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_seconds)
    return True
