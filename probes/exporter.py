"""The probe's own page: /metrics (canonical series), /inventory.json and /healthz. Standard library; a thread a request.

With TLS and basic authentication where the configuration has them; /healthz tells nothing and is open to everyone.

    BadCertificate     the certificate or its key cannot be used, or a password file not be read; a sentence for the operator
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from probes.config import Auth, Tls
from probes.exposition import Renderer, Samples
from probes.listener import Listener

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


class BadCertificate(OSError):
    pass


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may read the page, and how."""

    tls: ssl.SSLContext | None
    expected: bytes | None  # user:password


def guard(tls: Tls | None, auth: Auth | None) -> Guard:
    """Reads the files. Raises BadCertificate."""
    return Guard(
        None if tls is None else _context(tls), None if auth is None else f"{auth.user}:{_password(auth)}".encode()
    )


class Exporter(Listener):
    """`samples`, `inventory` and the guard may be exchanged while it serves, as a reload does."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        samples: Callable[[], Samples],
        inventory: Callable[[], str] | None = None,
        tls: Tls | None = None,
        auth: Auth | None = None,
    ) -> None:
        self.samples, self.inventory, self.renderer = samples, inventory, Renderer()
        found = guard(tls, auth)
        self.expected = found.expected
        super().__init__((host, port), _Handler, key="listen", tls=found.tls)

    def take(self, found: Guard) -> None:
        self.tls, self.expected = found.tls, found.expected


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as problem:
        raise BadCertificate(f"listen_tls: {tls.certificate} and {tls.key} cannot be used ({problem}).") from None
    return context


def _password(auth: Auth) -> str:
    try:
        found = Path(auth.password_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise BadCertificate(f"listen_auth: {auth.password_file} cannot be read ({problem}).") from None
    if not found:
        raise BadCertificate(f"listen_auth: {auth.password_file} is empty; anyone could come in.")
    return found


class _Handler(BaseHTTPRequestHandler):
    server: Exporter
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._answer(200, TEXT, "ok\n")
        elif not self._allowed():
            self._answer(401, TEXT, "A user and a password, please.\n", challenge=True)
        elif path == "/metrics":
            self._answer(200, CONTENT_TYPE, self.server.renderer.render(self.server.samples()))
        elif path == "/inventory.json" and self.server.inventory is not None:
            self._answer(200, "application/json", self.server.inventory())
        else:
            self._answer(404, TEXT, "There are /metrics, /inventory.json and /healthz.\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _allowed(self) -> bool:
        if self.server.expected is None:
            return True
        kind, _, sent = self.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(sent.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and hmac.compare_digest(given, self.server.expected)

    def _answer(self, status: int, content_type: str, text: str, *, challenge: bool = False) -> None:
        body = text.encode("utf-8", "replace")  # half a surrogate pair in one label is no reason to show nothing
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if challenge:
            self.send_header("WWW-Authenticate", 'Basic realm="tailwatch probe"')
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000:
            body = gzip.compress(body, compresslevel=1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """A scrape every few seconds is not news."""
