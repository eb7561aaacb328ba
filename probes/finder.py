"""Asks the sources of targets: files here, HTTP elsewhere. Also tells which pod, and which local engine's process, has which GPU."""

from __future__ import annotations

import glob
import logging
import os
import platform
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from probes import discovery, fetch, join, podresources, procfs
from probes.agent import ScrapeFailed
from probes.config import Target
from probes.discovery import Found
from probes.kubelet import Kubelet
from probes.nvml import NvmlReader
from probes.shape import ShapeError
from probes.sources import Source

log = logging.getLogger(__name__)

FILES = 256
FILE_BYTES = 4 * 1024 * 1024


class Finder:
    def __init__(
        self, *, timeout_seconds: float = 5.0, gpus: NvmlReader | None = None, kubelet_socket: str = ""
    ) -> None:
        self._timeout, self._gpus = timeout_seconds, gpus
        self._kubelet = Kubelet(kubelet_socket, timeout_seconds=timeout_seconds)
        self._clients: dict[str, httpx.Client] = {}
        self._said: dict[str, set[str]] = {}  # by source

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._kubelet.close()

    def find(self, source: Source) -> Sequence[Target]:
        """Raises ScrapeFailed. What is left out is said once."""
        try:
            found = self._files(source) if source.kind == "file_sd" else self._asked(source)
        except ShapeError as problem:
            raise ScrapeFailed("malformed", str(problem)) from None
        except UnicodeDecodeError as problem:
            raise ScrapeFailed("malformed", f"{source.at}: {problem}") from None
        except OSError as problem:
            raise ScrapeFailed("connect", f"{source.at}: {problem.strerror or problem}") from None
        self._say(source.name, found.left_out)
        return found.targets

    def held(self) -> Mapping[str, str]:
        """GPU to the pod that the kubelet gave it to. Raises ScrapeFailed; what joins nothing is said once."""
        parts = {} if self._gpus is None else self._gpus.parts
        found, left_out = podresources.pods(self._kubelet.held(), parts=parts)
        self._say("kubelet", left_out)
        return found

    def _say(self, source: str, left_out: Sequence[str]) -> None:
        for sentence in sorted(set(left_out) - self._said.get(source, set())):
            log.warning("%s", sentence)
        self._said[source] = set(left_out)

    def on_gpus(self, targets: Sequence[Target]) -> Mapping[str, str]:
        """GPU UUID to the local target whose processes are on it. Costs milliseconds: for when the targets change."""
        if self._gpus is None:
            return {}
        return join.by_process(
            targets, on_gpu=self._gpus.processes(), listening=procfs.listening(), parent=procfs.parent
        )

    def _asked(self, source: Source) -> Found:
        url = discovery.request(source, node=source.node or os.environ.get("NODE_NAME") or platform.node())
        headers = {}
        if source.token_file:  # read each time: Kubernetes renews it
            headers["authorization"] = "Bearer " + Path(source.token_file).read_text("utf-8").strip()
        if source.name not in self._clients:
            trusted = ssl.create_default_context(cafile=source.ca_file or None)
            self._clients[source.name] = httpx.Client(trust_env=False, verify=trusted)
        body = fetch.get(
            self._clients[source.name], url, accept="application/json", seconds=self._timeout, headers=headers
        )
        return discovery.read(source, body.decode("utf-8"), file=url)

    def _files(self, source: Source) -> Found:
        """All files of the glob; one that cannot be read fails the source, so that its targets stay as they were."""
        names = sorted(glob.glob(source.at))[:FILES]  # noqa: PTH207  the pattern may be absolute
        if not names:
            raise ScrapeFailed("connect", f"{source.at}: no such file")
        targets: dict[str, Target] = {}
        left_out: list[str] = []
        for name in names:
            if Path(name).stat().st_size > FILE_BYTES:
                raise ScrapeFailed("too_large", f"{name}: more than {FILE_BYTES} bytes")
            found = discovery.read(source, Path(name).read_text("utf-8"), file=name)
            targets |= {target.name: target for target in found.targets}
            left_out += found.left_out
        return Found(tuple(targets.values()), tuple(left_out))
