"""The foreground: set-up with a progress display, then the children until Ctrl-C.

SetupError   one sentence on stderr, exit 2
"""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from observability.supervisor import home as homes
from observability.supervisor import memory, postgres, processes, redis, setup
from observability.supervisor.children import Children
from observability.supervisor.problems import SetupError
from observability.supervisor.setup import Options

COLOURS = {
    "up": "bold",
    "postgres": "blue",
    "redis": "red",
    "fleet": "magenta",
    "probe": "cyan",
    "web": "green",
    "fast": "yellow",
    "slow": "dark_orange",
    "beat": "bright_black",
}
READY_WITHIN_SECONDS = 120.0


class Stopped(Exception):
    """Ctrl-C or SIGTERM during set-up."""


class Platform:
    """One run of the platform, from the first step to the last child's end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.console = Console(highlight=False, soft_wrap=True)
        self.children = Children(say=self.say, folder=setup.PROJECT)
        self.stopping = 0.0
        self.began = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}"))
        self.progress = Progress(
            *columns, TimeElapsedColumn(), console=self.console, transient=True, disable=not self.console.is_terminal
        )
        self.task = self.progress.add_task("set-up", total=8 if options.demo else 7)

    def say(self, name: str, line: str) -> None:
        prefix = Text(f"{name:<8} ", style=COLOURS.get(name, "white"))
        with suppress(OSError):  # nobody reads us any more; the platform runs on
            self.console.print(prefix + Text.from_ansi(line))

    def signalled(self, number: int, frame: FrameType | None) -> None:
        """The first asks for an end; one that comes a second later is impatience (the same Ctrl-C may arrive twice at once)."""
        if not self.stopping:
            self.stopping = time.monotonic()
        elif time.monotonic() - self.stopping > 1:
            self.children.kill()

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.signalled)
        lock = homes.open_home(self.options.home)
        if lock.took_over is not None:
            self.say("up", f"process {lock.took_over} ended without a word; this one takes over from it")
        try:
            self.set_up()
            self.watch()
        except Stopped:
            self.say("up", "stopped during set-up; the next start continues where this one left off")
        finally:
            began = time.monotonic()
            stopped = self.children.stop()
            homes.close_home(lock)
            if stopped:
                self.say("up", f"everything stopped in {time.monotonic() - began:.1f} s")

    def set_up(self) -> None:
        options, ports = self.options, self.options.ports
        homes.require_free(
            (("web", ports.web), ("probe", ports.probe), *([("demo fleet", ports.fleet)] if options.demo else []))
        )
        folders = homes.folders(options.home)
        if os.geteuid() == 0:
            self.say(
                "up",
                "runs as root, PostgreSQL as an account of its own: for more than a try, use a user without rights",
            )
        with self.progress:
            with self.step("database files"):
                server = setup.database_server(options, folders)
            with self.step("database server"):
                if server is not None:
                    self.start_database(server)
            with self.step("broker"):
                self.start_broker(folders)
            where = setup.addresses(options, folders, server)
            self.children.environment = setup.environment(options, where)
            setup.write_files(options, folders, self.children.environment)
            if options.demo:
                self.children.start(setup.fleet(options))
            with self.step("migrations"):
                self.manage(
                    "migrate", "--no-input", "--skip-checks", "--verbosity", "0", DATABASE_URL=where.database_as_owner
                )
            with self.step("first account"):
                account = setup.first_account(self.manage("first_admin", "--skip-checks"))
            if options.demo:
                with self.step("the demo's past"):
                    self.manage("seed_demo", "--skip-checks", heard=self.show)
            else:
                with self.step("sources"):
                    self.manage("connect", "--skip-checks")
            with self.step("parts"):
                for child in setup.workers(options, folders):
                    self.children.start(child)
            with self.step("ready"):
                self.wait_ready()
        self.welcome(account)

    def start_database(self, server: postgres.Postgres) -> None:
        setup.wait_for_predecessor(server)
        process = self.children.start(setup.database_child(server))
        postgres.wait_ready(server, process, idle=self.pump)
        setup.create_database(server, self.options.home)

    def start_broker(self, folders: homes.Folders) -> None:
        child = setup.redis_child(self.options, folders)
        if child is None:
            return
        self.children.start(child)
        path = folders.sockets / redis.SOCKET

        def ready() -> bool:
            self.pump()
            return redis.accepts(path)

        if not processes.wait_until(ready, timeout_seconds=30):
            raise SetupError("Redis did not become ready within 30 s; its last words are above.")

    def manage(self, *words: str, heard: Callable[[str], None] = lambda line: None, **extra: str) -> list[str]:
        """Runs a management command to its end and gives the lines that it printed."""
        environment = {**self.children.environment, **extra}
        code, lines = self.children.run(
            setup.manage(*words), environment=environment, idle=lambda: self.pump(0.05), heard=heard
        )
        if code:
            for line in lines:
                self.say(words[0], line)
            raise SetupError(f"`manage.py {words[0]}` failed: {lines[-1] if lines else f'it ended with code {code}'}")
        return lines

    def show(self, line: str) -> None:
        """What a command says goes beside the spinner while it works."""
        self.progress.update(self.task, description=escape(line))

    def wait_ready(self) -> None:
        """Until /readyz says 200; what is not ready in the end is named, and the platform runs on."""
        url = f"http://127.0.0.1:{self.options.ports.web}/readyz"
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        ask_at = 0.0
        while time.monotonic() < deadline:
            self.pump(0.25)
            if time.monotonic() >= ask_at:
                if answer(url)[0] == 200:
                    return
                ask_at = time.monotonic() + 0.5
        self.say(
            "up", f"not ready after {READY_WITHIN_SECONDS:.0f} s, still trying: {answer(url)[1][:2000] or 'no answer'}"
        )

    def pump(self, wait_seconds: float = 0.0) -> None:
        self.children.pump(wait_seconds)
        if self.stopping:
            raise Stopped

    def watch(self) -> None:
        while not self.stopping:
            self.children.pump(0.5)
        self.say("up", "stopping (again Ctrl-C kills at once)")

    def welcome(self, account: setup.Account | None) -> None:
        seconds = time.monotonic() - self.began
        held = sum(share.pss_bytes for share in memory.tree(os.getpid())) / 2**20
        lines = [f"[bold]http://127.0.0.1:{self.options.ports.web}[/]   ready in {seconds:.1f} s, {held:.0f} MiB"]
        if account is not None:
            lines.append(f"user [bold]{account.username}[/]   password [bold]{account.password}[/]   shown this once")
        lines.append(f"data in {self.options.home}   stop with Ctrl-C")
        self.console.print(Panel.fit("\n".join(lines), title="Tailwatch", border_style="green"))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if self.stopping:
            raise Stopped
        self.progress.update(self.task, description=name)
        began = time.monotonic()
        yield
        self.progress.advance(self.task)
        self.say("up", f"{name} ({time.monotonic() - began:.1f} s)")


def answer(url: str) -> tuple[int, str]:
    """Status and text; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
            return response.status, response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError:
        return 0, ""


def main(arguments: Sequence[str]) -> int:
    """`up`: exit 0 after a wanted stop, 2 with one sentence when it cannot start."""
    try:
        options = setup.read_options(demo="--demo" in arguments, surroundings=dict(os.environ))
        Platform(options).run()
    except SetupError as error:
        print(f"Tailwatch cannot start: {error}", file=sys.stderr)
        return 2
    return 0
