"""An HTTP server of ours: a thread a request, a bounded number of them, and one sentence where the address is taken."""

from __future__ import annotations

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import Any

HANDSHAKE_SECONDS = 30.0
CONNECTIONS = 64  # at once, each with its thread; a scraper needs one, and who holds hundreds open scrapes nothing


class PortTaken(OSError):
    """The address cannot be listened on; the message is a sentence for the person who started the probe."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        *,
        key: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`key` is the configuration's key for the address."""
        self.tls = tls  # may be exchanged: it holds from the next connection on
        self._places = BoundedSemaphore(CONNECTIONS)
        try:
            super().__init__(address, handler)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise PortTaken(
                f"Cannot listen on {address[0]}:{address[1]} ({reason}); choose another with `{key}:` in the config."
            ) from None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake is the request's own thread's: who begins one and waits holds up nobody."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(HANDSHAKE_SECONDS)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that hangs up before the end is its own business; anything else is told as usual."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError, TimeoutError)):
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
        return f"{'http' if self.tls is None else 'https'}://{host!s}:{port}"
