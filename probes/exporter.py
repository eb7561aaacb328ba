"""The probe's own page: /metrics (canonical series) and /healthz. Standard library; a thread a request."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from probes.exposition import Samples, render
from probes.listener import Listener

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exporter(Listener):
    def __init__(self, *, host: str, port: int, samples: Callable[[], Samples]) -> None:
        self.samples = samples
        super().__init__((host, port), _Handler, key="listen")


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
