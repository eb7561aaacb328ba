"""Vendors on this machine: an HTTP server that keeps what it was sent and answers as told, and a mail server."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Vendor:
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    #: (status, body, headers) in turn; then 200.
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)

    def answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.answers.append((status, body, {name.replace("_", "-"): value for name, value in headers.items()}))


@contextlib.contextmanager
def vendor() -> Iterator[Vendor]:
    """A vendor's interface."""
    kept = Vendor()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                kept.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, said, headers = kept.answers.pop(0) if kept.answers else (200, b"{}", {})
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.listen(128)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailServer:
    port: int = 0
    mails: list[str] = field(default_factory=list)
    #: What RCPT is answered, in turn; then 250.
    replies: list[str] = field(default_factory=list)


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """As much SMTP as a mail needs (RFC 5321)."""
    kept = MailServer()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    kept.port = listener.getsockname()[1]
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        stream = connection.makefile("rwb")

        def say(line: str) -> None:
            stream.write(line.encode() + b"\r\n")
            stream.flush()

        say("220 here")
        while line := stream.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                say(kept.replies.pop(0) if kept.replies else "250 ok")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (text := stream.readline().decode()) != ".\r\n":
                    lines.append(text)
                kept.mails.append("".join(lines))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(5)
                with connection:
                    talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        over.set()
        thread.join()
        listener.close()
