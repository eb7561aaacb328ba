"""HTTP to addresses that users typed in: no redirects, bounded time and size, and no way into the private network by accident.

The guard resolves the name and refuses loopback, link-local, private and reserved addresses unless the host is named in
TAILWATCH_ALLOW_PRIVATE_OUTBOUND; the request then goes to the very address that was checked.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
from django.conf import settings

LONGEST_ANSWER_BYTES = 64 * 1024


class OutboundError(Exception):
    """The request was not made or not answered. `permanent`: trying again cannot help; `sent`: it may have arrived.

    `hung`: it was taken, and the answer did not come in time.
    """

    def __init__(self, message: str, *, permanent: bool, sent: bool, hung: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.sent = sent
        self.hung = hung


@dataclass(frozen=True, slots=True)
class Answer:
    """`whole`: the body came to its end. To who only sends, it does not matter."""

    status_code: int
    body: bytes
    headers: Mapping[str, str]
    whole: bool = True


def post(*, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 10.0) -> Answer:
    """POST `body` to `url` and return the answer, whatever its status. Raises OutboundError."""
    return _ask("POST", url, body, headers, timeout_seconds, LONGEST_ANSWER_BYTES)


def get(
    *, url: str, largest_bytes: int, headers: Mapping[str, str] | None = None, timeout_seconds: float = 20.0
) -> Answer:
    """GET `url`: the answer, whatever its status. Raises OutboundError, also where the body is larger or comes too slowly."""
    answer = _ask("GET", url, b"", headers or {}, timeout_seconds, largest_bytes + 1)
    if len(answer.body) > largest_bytes:
        raise OutboundError(
            f"{_parts(url).hostname} sent more than {largest_bytes:,} bytes", permanent=False, sent=True
        )
    if not answer.whole:
        raise OutboundError(f"{_parts(url).hostname} did not send all of its answer", permanent=False, sent=True)
    return answer


def _ask(
    method: str, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float, longest_bytes: int
) -> Answer:
    address = checked_address(url)
    parts = _parts(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # Connect to the address that was checked, not to what the name says a moment later; TLS still verifies the name.
    literal = f"[{address}]" if ":" in address else address
    try:
        target = httpx.URL(url).copy_with(host=literal, port=port)
    except httpx.InvalidURL as error:
        raise OutboundError(f"{url!r} is no address: {error}", permanent=True, sent=False) from error
    sent_headers = {**headers, "Host": parts.netloc.rpartition("@")[2]}
    # Without authorities a context trusts nobody, and costs nothing where nobody asks it.
    tls = _tls() if parts.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    deadline = _Deadline()
    # httpx bounds each read by itself: who sends a byte now and then would hold a worker for ever.
    cut = threading.Timer(2 * timeout_seconds, deadline.cut)
    cut.daemon = True
    cut.start()
    try:
        with (
            httpx.Client(timeout=timeout_seconds, follow_redirects=False, trust_env=False, verify=tls) as client,
            client.stream(
                method,
                target,
                content=body or None,
                headers=sent_headers,
                extensions={"sni_hostname": host, "trace": deadline.see},
            ) as response,
        ):
            received, began, whole = bytearray(), time.perf_counter(), False
            # The status has come: a body that never ends, drips or breaks off holds nobody up.
            with contextlib.suppress(httpx.HTTPError):
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) >= longest_bytes or time.perf_counter() - began > timeout_seconds:
                        break
                else:
                    whole = True
            return Answer(response.status_code, bytes(received[:longest_bytes]), dict(response.headers), whole)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise OutboundError(f"{host}:{port} cannot be reached: {error}", permanent=False, sent=False) from error
    except httpx.HTTPError as error:
        sentence = f"{host}:{port} did not answer: {error or type(error).__name__}"
        hung = isinstance(error, httpx.ReadTimeout)
        raise OutboundError(sentence, permanent=False, sent=True, hung=hung) from error
    finally:
        cut.cancel()


class _Deadline:
    """Knows the connection of a request, and cuts it from outside when the whole takes too long."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def see(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore tells what it does: a connection made, then perhaps wrapped in TLS."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def checked_address(url: str) -> str:
    """The IP address to connect to for `url`; raises OutboundError where the guard refuses it."""
    parts = _parts(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise OutboundError(f"{url!r} is no address that starts with http:// or https://", permanent=True, sent=False)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OutboundError(f"{parts.hostname} is no host name: {error}", permanent=True, sent=False) from error
    except OSError as error:
        raise OutboundError(f"{parts.hostname} cannot be resolved: {error}", permanent=False, sent=False) from error
    addresses = [str(entry[4][0]) for entry in found]
    if parts.hostname not in settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND:
        for address in addresses:
            if not ipaddress.ip_address(address).is_global:
                raise OutboundError(
                    f"{parts.hostname} is the private address {address}; name the host in TAILWATCH_ALLOW_PRIVATE_OUTBOUND if you mean it",
                    permanent=True,
                    sent=False,
                )
    return addresses[0]


def _parts(url: str) -> SplitResult:
    """The parts of an address; a bracket or a port that cannot be is refused here, not where it is used."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise OutboundError(f"{url!r} is no address: {error}", permanent=True, sent=False) from error
    return parts


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificate authorities takes 50 ms and more: once a process, not once a request."""
    return httpx.create_ssl_context(trust_env=False)
