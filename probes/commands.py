"""Commands that the platform may have run here: named and written in the probe's own configuration, and nothing else. Off by default.

    commands:
      listen: 127.0.0.1:9841
      secret_file: /etc/tailwatch/commands.secret
      allow:
        restart-engine:
          argv: [systemctl, restart, "vllm@{replica}.service"]
          arguments: {replica: "[a-z0-9-]{1,40}"}
          timeout_seconds: 120

    POST /commands/restart-engine {"key": "...", "arguments": {"replica": "chat-1"}, "dry_run": false, "only_if_known": false}
    X-Tailwatch-Signature: t=...,v1=...      over the body, with the secret (signing.py)

    200 {"state": "running" | "done" | "failed", "detail": ..., "output": ...}; the same key again tells how far it is and runs nothing
    401 not signed · 404 no such command · 410 only_if_known, and nobody here knows the key · 422 an argument that does not fit

No shell: the argv is the configuration's, and an argument fills a place of it whole, after it fits its pattern from end to end. One key
runs once for as long as the probe runs (a reload keeps them); keys are forgotten when it restarts, and it says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from probes import shape, signing
from probes.listener import Listener

LONGEST_BODY = 64 * 1024
LONGEST_OUTPUT = 4000
KEYS_KEPT = 1000
AT_ONCE = 4
_PLACE = re.compile(r"\{([a-z_]+)\}")
#: All that a command sees of the probe's surroundings.
PASSED_ON = ("PATH", "LANG", "HOME")


class BadSecret(OSError):
    """The secret's file cannot be read or is empty; a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Command:
    """`arguments`: name to the pattern that a value fits from end to end."""

    name: str
    argv: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Commands:
    host: str
    port: int
    secret_file: str
    allow: tuple[Command, ...]


def load(node: shape.Node) -> Commands | None:
    if not node.given:
        return None
    node.only("listen", "secret_file", "allow")
    host, _, port = node["listen"].text().rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        node["listen"].wrong("address:port, as 127.0.0.1:9841")
    allow = tuple(_command(name, one) for name, one in node["allow"].items()) or node["allow"].wrong(
        "at least one command"
    )
    return Commands(host.strip("[]"), int(port), node["secret_file"].text(), allow)


def _command(name: str, node: shape.Node) -> Command:
    node.only("argv", "arguments", "timeout_seconds")
    argv = node["argv"].texts()
    given = tuple((key, _pattern(one)) for key, one in node["arguments"].items()) if node["arguments"].given else ()
    places = {place for part in argv for place in _PLACE.findall(part)}
    if places != {key for key, _ in given}:
        node["argv"].wrong(
            f"the places {', '.join(sorted(key for key, _ in given)) or '(none)'} of its arguments, each"
        )
    if _PLACE.search(argv[0]):
        node["argv"].wrong("a program that no argument chooses")
    seconds = node["timeout_seconds"].number(low=1, high=3600) if node["timeout_seconds"].given else 60.0
    return Command(name, argv, given, seconds)


def _pattern(node: shape.Node) -> str:
    text = node.text()
    try:
        re.compile(text)
    except re.error as problem:
        node.wrong(f"a regular expression ({problem})")
    return text


def filled(command: Command, given: Mapping[str, object]) -> list[str]:
    """The argv to run. Raises ValueError with a sentence."""
    known = dict(command.arguments)
    if set(given) != set(known):
        raise ValueError(f"expected the arguments {', '.join(sorted(known)) or '(none)'}")
    for key, value in given.items():
        # A value that begins with a dash is an option to the program, whatever the pattern forgot.
        if not isinstance(value, str) or value.startswith("-") or not re.fullmatch(known[key], value):
            raise ValueError(f"{key} does not fit {known[key]}")
    return [_PLACE.sub(lambda match: str(given[match[1]]), part) for part in command.argv]


@dataclass(slots=True)
class _Run:
    state: str = "running"
    detail: str = ""
    output: str = ""

    @property
    def document(self) -> dict[str, str]:
        return {"state": self.state, "detail": self.detail, "output": self.output}


Answer = tuple[int, dict[str, Any]]


class CommandServer(Listener):
    """Listens on its own port, so that who may scrape may not command."""

    def __init__(self, config: Commands, *, now: Callable[[], float]) -> None:
        self.config, self.secret, self.now = config, read_secret(config), now
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()
        super().__init__((config.host, config.port), _Handler, key="commands.listen")

    @property
    def allowed(self) -> dict[str, Command]:
        return {command.name: command for command in self.config.allow}

    def at(self, config: Commands) -> bool:
        """Whether it listens where this configuration says."""
        return (self.config.host, self.config.port) == (config.host, config.port)

    def take(self, config: Commands, *, secret: str) -> None:
        """Another list at the same address, as a reload brings it; keys are remembered on."""
        self.config, self.secret = config, secret

    def answer(self, name: str, *, body: bytes, header: str) -> Answer:
        if wrong := signing.refusal(secret=self.secret, body=body, header=header, now=self.now()):
            return 401, {"error": wrong}
        command = self.allowed.get(name)
        if command is None:
            return 404, {"error": f"no command {name!r}; there are {', '.join(self.allowed)}"}
        try:
            order = json.loads(body)
            key, given = order["key"], order.get("arguments") or {}
            if not isinstance(key, str) or not key or not isinstance(given, dict):
                raise TypeError(key)
        except (ValueError, KeyError, TypeError, AttributeError):
            return 400, {"error": "expected a key and arguments"}
        try:
            argv = filled(command, given)
        except ValueError as problem:
            return 422, {"error": str(problem)}
        if order.get("dry_run"):
            return 200, {"state": "done", "detail": f"would run {' '.join(argv)}"}
        return self._once(key, argv, command, only_if_known=bool(order.get("only_if_known")))

    def _once(self, key: str, argv: list[str], command: Command, *, only_if_known: bool) -> Answer:
        with self._lock:
            known = self._runs.get(key)
            if known is not None:
                return 200, known.document
            if only_if_known:
                return 410, {"error": "nobody here knows this key"}
            if sum(run.state == "running" for run in self._runs.values()) >= AT_ONCE:
                return 503, {"error": f"{AT_ONCE} commands run already"}
            run = self._runs[key] = _Run()
            while len(self._runs) > KEYS_KEPT:
                self._runs.popitem(last=False)
        threading.Thread(
            target=_carry_out, args=(run, argv, command), name=f"command {command.name}", daemon=True
        ).start()
        return 200, run.document


def _carry_out(run: _Run, argv: list[str], command: Command) -> None:
    surroundings = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        ended = subprocess.run(  # noqa: S603 - the argv is the configuration's
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=command.timeout_seconds,
            env=surroundings,
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        run.output = _text(problem.stdout)
        run.detail, run.state = f"killed after {command.timeout_seconds:g} s", "failed"
    except OSError as problem:
        run.detail, run.state = f"{argv[0]} cannot be run: {problem.strerror or problem}", "failed"
    else:
        run.output = _text(ended.stdout)
        run.detail = f"{command.name} ended with {ended.returncode}"
        run.state = "done" if ended.returncode == 0 else "failed"


def _text(output: bytes | None) -> str:
    """The end of what it said."""
    return (output or b"")[-LONGEST_OUTPUT:].decode("utf-8", "replace")


def read_secret(config: Commands) -> str:
    """What signs orders; raises BadSecret."""
    file = config.secret_file
    try:
        found = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise BadSecret(f"commands.secret_file: {file} cannot be read ({problem}).") from None
    if not found:
        raise BadSecret(f"commands.secret_file: {file} is empty; anyone could command.")
    return found


class _Handler(BaseHTTPRequestHandler):
    server: CommandServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        parts = self.path.strip("/").split("/")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            self._answer(413, {"error": f"a body of at most {LONGEST_BODY} bytes, and its length"})
        elif len(parts) != 2 or parts[0] != "commands":
            self._answer(404, {"error": "POST /commands/<name>"})
        else:
            body = self.rfile.read(int(length))
            self._answer(*self.server.answer(parts[1], body=body, header=self.headers.get(signing.HEADER, "")))

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """The platform's audit log has it."""
