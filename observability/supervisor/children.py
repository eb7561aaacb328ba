"""The children that run: their output with a prefix, their deaths and returns, their end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from observability.supervisor import plan, processes
from observability.supervisor.plan import Child, Rank
from observability.supervisor.processes import Account

#: Work gets this long to end well, then servers: together under the ten seconds that `up` promises.
GRACE_SECONDS = {Rank.WORK: 5.5, Rank.SERVER: 3.0}
LIVES_KEPT = 12

Say = Callable[[str, str], None]


class Lines:
    """The output of a process, line by line, without ever waiting for it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            raise ValueError("the process was started without a pipe for its output")
        self.output: IO[bytes] = process.stdout
        self._rest = b""
        os.set_blocking(self.output.fileno(), False)

    def new(self) -> list[str]:
        """What was said since the last call; once the output has ended, its unfinished last line too."""
        found: list[bytes] = []
        while not self.output.closed:
            try:
                chunk = os.read(self.output.fileno(), 65536)
            except BlockingIOError:
                break
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            found += lines
            if not chunk:
                self.output.close()
                found.append(self._rest)
        return [text for line in found if (text := line.decode(errors="replace").rstrip())]


@dataclass(slots=True)
class Running:
    """One child and its history; `restart_at` (monotonic) is set while it waits to come back."""

    child: Child
    process: subprocess.Popen[bytes]
    started: float
    lines: Lines
    lives: list[float] = field(default_factory=list)
    restart_at: float | None = None


class Children:
    """Starts children, passes their lines to `say(name, line)`, brings the dead back, stops them in order."""

    def __init__(self, *, say: Say, folder: Path) -> None:
        self.environment: Mapping[str, str] = {}
        self._say = say
        self._folder = folder
        self._running: dict[str, Running] = {}
        self._selector = selectors.DefaultSelector()

    def start(self, child: Child) -> subprocess.Popen[bytes]:
        process = self._spawn(child)
        self._running[child.name] = Running(child, process, time.monotonic(), self._listen(child, process))
        return process

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        idle: Callable[[], None],
        heard: Callable[[str], None],
    ) -> tuple[int, list[str]]:
        """A command that ends by itself: its exit code and what it said; `idle` is called while it works, `heard` for each line."""
        process = processes.start(argv=argv, environment=environment, folder=self._folder)
        lines, said = Lines(process), []
        try:
            while process.poll() is None:
                idle()
                for line in lines.new():
                    heard(line)
                    said.append(line)
        finally:
            processes.stop(process, grace_seconds=2, close=False)
        return process.returncode, said + lines.new()

    def pump(self, wait_seconds: float) -> None:
        """Shows what was said within `wait_seconds`, notices the dead, starts those whose wait is over."""
        for key, _ in self._selector.select(wait_seconds):
            self._read(self._running[key.data])
        now = time.monotonic()
        for running in self._running.values():
            if running.restart_at is None:
                if running.process.poll() is not None:
                    self._died(running, now)
            elif now >= running.restart_at:
                self._again(running, now)

    def stop(self) -> int:
        """How many there were. All of them, work before servers, each rank within its grace; then whatever is left of their groups ends."""
        everyone = [running.child for running in self._running.values()]
        for group in plan.stop_order(everyone):
            members = [self._running[child.name] for child in group]
            for running in members:
                if running.restart_at is None:
                    self._quietly(running.process, running.child.stop_signal)
            deadline = time.monotonic() + GRACE_SECONDS[group[0].rank]
            while time.monotonic() < deadline and any(running.process.poll() is None for running in members):
                for key, _ in self._selector.select(0.1):
                    self._read(self._running[key.data])
            for running in members:
                if running.process.poll() is None:
                    self._say("up", f"{running.child.name} did not end in time and was killed")
                processes.send(running.process, signal.SIGKILL)
                running.process.wait(5)
                self._forget(running)
        return len(everyone)

    def kill(self) -> None:
        """At once, without asking: a second Ctrl-C."""
        for running in self._running.values():
            processes.send(running.process, signal.SIGKILL)

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        return processes.start(
            argv=child.argv,
            environment=self.environment if child.rank is Rank.WORK else None,
            account=Account(child.uid, child.gid),
            nice=child.nice,
            parent_death=child.stop_signal,
            folder=self._folder if child.rank is Rank.WORK else Path("/"),
        )

    def _read(self, running: Running) -> None:
        output = running.lines.output
        if output.closed:
            return
        descriptor = output.fileno()
        for line in running.lines.new():
            if running.child.worth_showing(line):
                self._say(running.child.name, line)
        if output.closed:
            self._selector.unregister(descriptor)

    def _forget(self, running: Running) -> None:
        """Reads what is left and stops listening, even where a grandchild still holds the other end."""
        self._read(running)
        if not running.lines.output.closed:
            self._selector.unregister(running.lines.output)
            running.lines.output.close()

    def _died(self, running: Running, now: float) -> None:
        self._forget(running)
        processes.send(running.process, signal.SIGKILL)  # what its group left behind
        lived = now - running.started
        running.lives = [*running.lives, lived][-LIVES_KEPT:]
        decided = plan.restart(running.lives)
        running.restart_at = now + decided.wait_seconds
        code = running.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self._say(
            "up",
            f"{running.child.name} {how} after {lived:.0f} s; again in {decided.wait_seconds:g} s: {decided.reason}",
        )

    def _again(self, running: Running, now: float) -> None:
        running.process, running.started, running.restart_at = self._spawn(running.child), now, None
        running.lines = self._listen(running.child, running.process)

    def _listen(self, child: Child, process: subprocess.Popen[bytes]) -> Lines:
        lines = Lines(process)
        self._selector.register(lines.output, selectors.EVENT_READ, child.name)
        return lines

    @staticmethod
    def _quietly(process: subprocess.Popen[bytes], sent: int) -> None:
        if process.poll() is None:
            process.send_signal(sent)
