"""The probe's own page: /metrics (canonical series) and /healthz. Standard library; a thread a request."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import Any

from probes.exposition import Samples, render

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

CONNECTIONS = 64  # at once, each with its thread; a scraper needs one, and who holds hundreds open scrapes nothing


class PortTaken(OSError):
    """The address cannot be listened on; the message is a sentence for the person who started the probe."""


class Exporter(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, host: str, port: int, samples: Callable[[], Samples]) -> None:
        self.samples = samples
        self._places = BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__((host, port), _Handler)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise PortTaken(
                f"Cannot listen on {host}:{port} ({reason}); choose another with `listen:` in the config."
            ) from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up before the end is its own business; anything else is told as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no more threads
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: Exporter
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE, render(self.server.samples()))
        elif path == "/healthz":
            self._answer(200, "text/plain; charset=utf-8", "ok\n")
        else:
            self._answer(404, "text/plain; charset=utf-8", "There are /metrics and /healthz.\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, content_type: str, text: str) -> None:
        body = text.encode("utf-8", "replace")  # half a surrogate pair in one label is no reason to show nothing
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000:
            body = gzip.compress(body, compresslevel=1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """A scrape every few seconds is not news."""
