"""Which replica runs on which GPU. Pure. In this order, and what none of them joins is shown as `unjoined`:

1. config: the UUIDs in a target's `gpus`;
2. the pod that holds a GPU, against a target's `pod` (discovery knows it): by the kubelet's pod-resources socket (probes.kubelet),
   else as a DCGM exporter shows it beside each GPU, which has it from that socket;
3. the processes on each GPU when the targets change, against who listens on a local target's port: the engine's workers are its
   children. It needs to see the processes (the host's PID namespace) and their sockets (the same user, or root).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from probes.config import Target
from probes.exposition import Series

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_POD = ("pod", "pod_name", "exported_pod")
_NAMESPACE = ("namespace", "pod_namespace", "exported_namespace")


def pods(samples: Iterable[Series]) -> dict[str, str]:
    """GPU UUID, or UUID/instance, to `namespace/pod` as a DCGM exporter labels it."""
    found: dict[str, str] = {}
    for one in samples:
        if not one.name.startswith("DCGM_FI_"):
            continue
        labels = dict(one.labels)
        pod = next((labels[name] for name in _POD if labels.get(name)), "")
        if uuid := labels.get("UUID", ""):
            key = "/".join(part for part in (uuid, labels.get("GPU_I_ID", "")) if part)
            if pod:
                namespace = next((labels[name] for name in _NAMESPACE if labels.get(name)), "")
                found[key] = f"{namespace}/{pod}"
    return found


def replicas(targets: Sequence[Target], *, by_pod: Mapping[str, str], by_process: Mapping[str, str]) -> dict[str, str]:
    """GPU to the replica on it; what an engine says of itself comes before what a GPU's page is said to carry."""
    named = {target.name: target.label for target in targets}
    out = {gpu: named[name] for gpu, name in by_process.items() if name in named}
    engines = [target for target in targets if target.kind == "engine" and target.pod]
    for gpu, pod in by_pod.items():
        if (label := next((target.label for target in engines if _same(target.pod, pod)), None)) is not None:
            out[gpu] = label
    for target in sorted(targets, key=lambda one: one.kind == "engine"):
        out |= dict.fromkeys(target.gpus, target.label)
    return out


def by_process(
    targets: Sequence[Target],
    *,
    on_gpu: Mapping[str, Iterable[int]],
    listening: Mapping[int, int],
    parent: Callable[[int], int | None],
) -> dict[str, str]:
    """GPU UUID to the name of the local target whose server is a process on it or an ancestor of one."""
    servers = {
        pid: target.name
        for target in targets
        if target.kind == "engine" and (split := urlsplit(target.url)).hostname in LOCAL
        for pid in [listening.get(split.port or 80)]
        if pid is not None
    }
    found: dict[str, str] = {}
    for uuid, pids in on_gpu.items():
        for pid in pids:
            at: int | None = pid
            for _ in range(32):  # a chain of processes is short, and one that loops ends
                if at is None or at in servers:
                    break
                at = parent(at)
            if at in servers:
                found[uuid] = servers[at]
                break
    return found


def _same(mine: str, shown: str) -> bool:
    """`serving/chat-0` is `serving/chat-0`; a pod that the config names without a namespace is that of any."""
    return mine == shown or ("/" not in mine and shown.rpartition("/")[2] == mine)
