"""Asks an engine and this machine how a replica is configured: server info, /v1/models, the command line of its process.

Once for each start of an engine, beside the scrape and within the scrape's time limit. An engine that does not offer a page tells
nothing by it; one that cannot be reached is asked again at the next scrape, three times at most.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from probes import fetch, inventory, procfs
from probes.agent import ScrapeFailed
from probes.config import Target
from probes.inventory import Fact

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
LOOK_SECONDS = 60.0
#: The answer says that the page is not there, or not for us; nothing else to be learned by asking again.
REFUSED = frozenset({"status", "redirect"})


class Describer:
    def __init__(
        self,
        *,
        timeout_seconds: float,
        machine: Callable[[], Mapping[str, str]],
        joined: Callable[[], Mapping[str, str]],
        proc: Path = procfs.PROC,
    ) -> None:
        """`machine`: the facts of probes.gpu.Machine; `joined`: GPU to replica."""
        self._seconds, self._machine, self._joined, self._proc = timeout_seconds, machine, joined, proc
        self._client = httpx.Client(trust_env=False, headers={"user-agent": "tailwatch-probe"})
        self._node = socket.gethostname()
        self._looking, self._looked_at = threading.Lock(), -2 * LOOK_SECONDS
        self._ports: Mapping[int, int] = {}

    def close(self) -> None:
        self._client.close()

    def engine(self, target: Target) -> dict[str, Fact] | None:
        """None: it could not be reached."""
        parts = urlsplit(target.url)
        base = f"{parts.scheme}://{parts.netloc}"
        try:
            models = self._page(f"{base}/v1/models")
            info = self._page(f"{base}/get_server_info")
            version = self._page(f"{base}/version") if not info else b""
        except ScrapeFailed:
            return None
        sources = (
            inventory.of_server_info(info),
            inventory.of_server_info(version),
            inventory.of_arguments(self._arguments(target)),
            inventory.of_models(models, model=target.model),
        )
        return {name: fact for source in reversed(sources) for name, fact in source.items()}

    def machine(self, target: Target) -> dict[str, Fact]:
        gpus = [gpu for gpu, replica in self._joined().items() if replica == target.label]
        return inventory.of_machine(self._machine(), gpus=gpus, node=self._node)

    def _page(self, url: str) -> bytes:
        try:
            return fetch.get(self._client, url, accept="application/json", seconds=self._seconds)
        except ScrapeFailed as problem:
            if problem.reason in REFUSED:
                return b""
            raise

    def _listening(self) -> Mapping[int, int]:
        """Looking through every process costs a second on a busy machine: many targets that start together share one look."""
        with self._looking:
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._ports, self._looked_at = procfs.listening(self._proc), time.monotonic()
            return self._ports

    def _arguments(self, target: Target) -> list[str]:
        """The command line of the process that listens on the target's port, where that is on this machine."""
        parts = urlsplit(target.url)
        if (parts.hostname or "") not in LOCAL | {self._node} or parts.port is None:
            return []
        pid = self._listening().get(parts.port)
        if pid is None:
            return []
        try:
            text = (self._proc / str(pid) / "cmdline").read_bytes()
        except OSError:
            return []
        return [word.decode("utf-8", "replace") for word in text.split(b"\0") if word]
