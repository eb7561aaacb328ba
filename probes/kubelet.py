"""Asks the kubelet of this node which pod holds which device: gRPC over its pod-resources socket. An edge; needs the extra `kubelet`.

grpcio is imported when a configuration names the socket, and never otherwise.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from probes import podresources
from probes.agent import ScrapeFailed
from probes.podresources import Held

MISSING = "cannot tell: grpcio is not installed (pip install 'tailwatch[kubelet]')"
LIMIT_BYTES = 16 * 1024 * 1024


class Kubelet:
    def __init__(self, socket: str, *, timeout_seconds: float) -> None:
        self._socket, self._seconds = socket, timeout_seconds
        self._opening = threading.Lock()
        self._channel: Any = None

    def held(self) -> tuple[Held, ...]:
        """Raises ScrapeFailed: not_installed, connect, timeout, too_large or malformed."""
        try:
            import grpc
        except ImportError:
            raise ScrapeFailed("not_installed", MISSING) from None
        try:
            if not Path(self._socket).is_socket():
                raise ScrapeFailed("connect", f"{self._socket}: no socket here; is the kubelet's folder mounted?")
        except OSError as problem:  # Python 3.11 to 3.13 raise where the folder may not be entered
            raise ScrapeFailed("connect", f"{self._socket}: {problem.strerror}; it is root's") from None
        try:
            body = self._call(grpc)(b"", timeout=self._seconds)
        except grpc.RpcError as problem:
            raise _failed(grpc, problem, f"{self._socket}: ") from None
        try:
            return podresources.read(body)
        except ValueError as problem:
            raise ScrapeFailed("malformed", f"{self._socket}: {problem}") from None

    def close(self) -> None:
        with self._opening:
            if self._channel is not None:
                self._channel.close()
                self._channel = None

    def _call(self, grpc: Any) -> Any:
        """A kubelet that restarts makes the socket anew; the channel connects again by itself."""
        with self._opening:
            if self._channel is None:
                options = [
                    ("grpc.max_receive_message_length", LIMIT_BYTES),
                    ("grpc.default_authority", "localhost"),  # Go's servers refuse a path as a host
                    ("grpc.enable_http_proxy", 0),
                    ("grpc.max_reconnect_backoff_ms", 5_000),
                ]
                self._channel = grpc.insecure_channel(f"unix:{self._socket}", options=options)
            return self._channel.unary_unary(podresources.METHOD)


def _failed(grpc: Any, problem: Any, where: str) -> ScrapeFailed:
    code, said = problem.code(), problem.details() or "no reason"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ScrapeFailed("timeout", f"{where}no answer in time")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ScrapeFailed("too_large", f"{where}{said}"[:300])
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return ScrapeFailed("malformed", f"{where}it does not speak v1 of pod-resources")
    root = "; the socket is root's: the probe must run as root to ask it" if "ermission" in said else ""
    return ScrapeFailed("connect", f"{where}{said}{root}"[:300])
