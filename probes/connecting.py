"""An httpx transport that looks a name up apart from connecting, and says how long each took. An edge.

httpcore connects by `socket.create_connection`, which does both. Here the name is looked up first and the addresses are then tried in
turn, within the one time that there is for connecting.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore
import httpx

#: A connection that was idle for longer is not used again. Servers close theirs after five seconds and more (uvicorn, and so vLLM: 5), and
#: who sends into one that is just being closed has measured nothing. Engines that are read each second keep theirs.
KEEP_SECONDS = 2.0
_CONNECTIONS = 256


class Phases:
    """httpx's trace of one request: when each part of it began and ended."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def __call__(self, event: str, _info: Mapping[str, object]) -> None:
        what = event.partition(".")[2]
        if what in ("connect_tcp.complete", "connect_tcp.failed"):
            self._at |= _looked_up.__dict__.pop("at", {})
        self._at.setdefault(what, time.perf_counter())

    @property
    def answered(self) -> bool:
        return "receive_response_headers.complete" in self._at

    def told(self) -> tuple[tuple[str, float], ...]:
        """Seconds by phase, of those that this request went through to their end."""
        named = "lookup.complete" in self._at
        parts = {
            "dns": ("lookup.started", "lookup.complete"),
            "connect": ("lookup.complete" if named else "connect_tcp.started", "connect_tcp.complete"),
            "tls": ("start_tls.started", "start_tls.complete"),
            "first_byte": ("send_request_headers.started", "receive_response_headers.complete"),
        }
        return tuple(
            (phase, self._at[end] - self._at[start])
            for phase, (start, end) in parts.items()
            if start in self._at and end in self._at
        )


def transport() -> httpx.HTTPTransport:
    context = httpx.create_ssl_context(trust_env=False)
    made = httpx.HTTPTransport(verify=context, trust_env=False)
    made._pool = httpcore.ConnectionPool(  # httpx has no argument for the backend; httpcore has
        ssl_context=context,
        max_connections=None,
        max_keepalive_connections=_CONNECTIONS,
        keepalive_expiry=KEEP_SECONDS,
        network_backend=_Backend(),
    )
    return made


#: What the backend tells the trace of the request that it works for: both run on the request's own thread.
_looked_up = threading.local()


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        begun = time.perf_counter()
        _looked_up.at = {}
        addresses = _addresses(host, port)
        problem: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in addresses:
            left = None if timeout is None else timeout - (time.perf_counter() - begun)
            if left is not None and left <= 0:
                break
            try:
                return super().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                problem = failed
        raise problem or httpcore.ConnectTimeout("no time was left to connect after the name was looked up")


def _addresses(host: str, port: int) -> list[str]:
    """A numeric address is its own, and has no phase."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    else:
        return [host]
    begun = time.perf_counter()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise httpcore.ConnectError(str(problem)) from problem
    _looked_up.at = {"lookup.started": begun, "lookup.complete": time.perf_counter()}
    return list(dict.fromkeys(_numeric(address) for *_, address in found))


def _numeric(address: tuple[Any, ...]) -> str:
    """Of a link-local address with the interface that it is on."""
    return f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0])
