"""Runs the code of an answer and then its test, in a locked-down child process (probes.sandboxed). An edge.

The child has no environment, no files, no network, no other processes, 256 MiB, 2 CPU seconds and 5 seconds in all. It passes
where it ends with a token that only this call knows: an answer that exits early has not passed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from probes.sandboxed import CANNOT

WALL_SECONDS = 5.0
LONGEST = 32_000  # characters of code and test; more fits no pipe at once
_CHILD = Path(__file__).with_name("sandboxed.py")


def run(code: str, test: str) -> bool | None:
    """True: the test passed. False: it failed, or took too much. None: this machine cannot lock the child down."""
    if len(code) + len(test) > LONGEST:
        return False
    token = secrets.token_hex(16)
    asked = json.dumps({"code": code, "test": test, "token": token}).encode()
    with subprocess.Popen(  # noqa: S603  our own interpreter and file
        [sys.executable, "-I", "-S", "-B", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        start_new_session=True,
    ) as child:
        try:
            said = _said(child, asked, longest=len(token))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        return None if child.wait() == CANNOT else said == token.encode()


def _said(child: subprocess.Popen[bytes], asked: bytes, *, longest: int) -> bytes:
    """Its output while there is time; one that says more than it may is not listened to."""
    assert child.stdin is not None  # noqa: S101  both are pipes
    assert child.stdout is not None  # noqa: S101
    end, said = time.monotonic() + WALL_SECONDS, b""
    try:
        child.stdin.write(asked)
        child.stdin.close()
    except BrokenPipeError:
        return b""
    waiting = select.poll()
    waiting.register(child.stdout, select.POLLIN | select.POLLHUP)
    while len(said) <= longest and waiting.poll(max(0.0, end - time.monotonic()) * 1000):
        if not (more := os.read(child.stdout.fileno(), longest + 1)):
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may go on without its output; the caller ends it
                child.wait(max(0.05, end - time.monotonic()))
            return said
        said += more
    return b""
