"""The targets of the configuration and of its sources, and which of them runs on which GPU. Pure but for the finder it is given."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from probes import join
from probes.config import Target
from probes.exposition import Series
from probes.sources import Source

log = logging.getLogger(__name__)


class TargetFinder(Protocol):
    def find(self, source: Source) -> Sequence[Target]:
        """The targets that the source names now; raises ScrapeFailed."""

    def on_gpus(self, targets: Sequence[Target]) -> Mapping[str, str]:
        """GPU UUID to the name of the target whose processes are on it."""

    def held(self) -> Mapping[str, str]:
        """GPU to the pod that the kubelet gave it to; raises ScrapeFailed. Called only where the config names its socket."""


class Roster:
    def __init__(self, targets: Sequence[Target]) -> None:
        self._configured = targets
        self._found: dict[str, Sequence[Target]] = {}  # by source
        self._pods: dict[str, Mapping[str, str]] = {}  # by page: GPU to the pod on it
        self._held: Mapping[str, str] = {}  # GPU to its pod, by the kubelet
        self._processes: Mapping[str, str] = {}
        self._alike: set[str] = set()
        self.joined: Mapping[str, str] = {}  # GPU to replica, as of the latest `join`

    def found(self, source: str, targets: Sequence[Target]) -> tuple[Target, ...]:
        """All targets now. A later source replaces those of the same name; of two labelled alike the first counts."""
        self._found[source] = targets
        lists = (self._configured, *self._found.values())
        kept: dict[tuple[str, str, str], Target] = {}
        alike: set[str] = set()
        for target in {target.name: target for one in lists for target in one}.values():
            own = target.label if target.kind in ("engine", "gateway") else target.name
            first = kept.setdefault((target.kind, target.service, own), target)
            if first is not target:
                alike.add(f"{target.name} is left out: {target.kind} {target.service}/{own} is {first.name} already")
        for sentence in sorted(alike - self._alike):
            log.warning("%s", sentence)
        self._alike = alike
        return tuple(kept.values())

    def page(self, target: Target, samples: Iterable[Series]) -> bool:
        """Takes the pods that a GPU's page shows; whether they changed."""
        before = self._pods.get(target.name, {})
        self._pods[target.name] = join.pods(samples)
        return self._pods[target.name] != before

    def held(self, found: Mapping[str, str]) -> bool:
        """Takes what the kubelet says of GPUs and pods; whether that changed."""
        before, self._held = self._held, found
        return found != before

    def processes(self, found: Mapping[str, str]) -> bool:
        """Takes which target's processes are on which GPU; whether that changed."""
        before, self._processes = self._processes, found
        return found != before

    def join(self, targets: Sequence[Target]) -> bool:
        """Whether any GPU joins another replica than before."""
        names = {target.name for target in targets}
        self._pods = {name: shown for name, shown in self._pods.items() if name in names}
        by_pod = {gpu: pod for shown in self._pods.values() for gpu, pod in shown.items()}
        before = self.joined
        self.joined = join.replicas(targets, by_pod={**by_pod, **self._held}, by_process=self._processes)
        return self.joined != before
