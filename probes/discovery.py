"""What a source of targets answers, as targets. Pure: text in, targets out.

Pods come and go: a source is asked at each scrape interval, and what it no longer names is no longer watched. One that does not
answer leaves its targets as they were. An entry that says no service or no address is left out and counted.

    file_sd, http_sd   [{"targets": ["10.0.0.1:8000"], "labels": {"service": "chat"}}]
    prometheus         GET /api/v1/targets?state=active: data.activeTargets[].labels, discoveredLabels, scrapeUrl
    kubernetes         a PodList, of the API server or of the kubelet's /pods: running pods with an address and a port
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from probes import shape
from probes.config import Target
from probes.dialects import KINDS
from probes.dialects.translate import UNKNOWN
from probes.sources import DEFAULTS, Source

#: Targets of one source; a list that is longer is cut, and said to be.
LIMIT = 2_000


@dataclass(frozen=True, slots=True)
class Found:
    targets: tuple[Target, ...]
    left_out: tuple[str, ...] = ()  # a sentence each


@dataclass(frozen=True, slots=True)
class _Entry:
    url: str
    labels: Mapping[str, str]
    name: str
    pod: str = ""


def request(source: Source, *, node: str) -> str:
    """The URL to ask. The kubelet knows its own pods only; the API server is asked for those of this node."""
    if source.kind == "http_sd":
        return source.at
    if source.kind == "prometheus":
        return f"{source.at}/api/v1/targets?state=active"
    if urlsplit(source.at).port in (10250, 10255):
        return f"{source.at}/pods"
    scope = f"/namespaces/{quote(source.namespace)}" if source.namespace else ""
    selector = f"&labelSelector={quote(source.selector)}" if source.selector else ""
    return f"{source.at}/api/v1{scope}/pods?fieldSelector={quote(f'spec.nodeName={node}')}{selector}"


def read(source: Source, text: str, *, file: str) -> Found:
    """Raises ShapeError where the whole answer is not what the source answers."""
    top = shape.read(text, file=file) if source.kind == "file_sd" else shape.Node(file, "", _json(text, file))
    entries = {"prometheus": _scraped, "kubernetes": _pods}.get(source.kind, _groups)(source, top)
    targets: dict[str, Target] = {}
    left_out: list[str] = []
    for entry in entries:
        if any(entry.labels.get(label, "") not in values for label, values in source.keep):
            continue
        if len(targets) >= LIMIT:
            left_out.append(f"{file}: more than {LIMIT} targets, the rest is left out")
            break
        target = _target(source, entry)
        if target is None:
            left_out.append(
                f"{entry.name or entry.url}: no service, or no http address; labels {sorted(entry.labels)}"[:300]
            )
        else:
            targets[target.name] = target
    return Found(tuple(targets.values()), tuple(left_out))


def _target(source: Source, entry: _Entry) -> Target | None:
    taken = dict(source.taken)
    fields = {
        field: next((entry.labels[label] for label in taken.get(field, labels) if entry.labels.get(label)), "")
        for field, labels in {**DEFAULTS, **{field: () for field in taken if field not in DEFAULTS}}.items()
    } | dict(source.fixed)
    if not fields["service"] or not entry.url.startswith(("http://", "https://")) or not urlsplit(entry.url).hostname:
        return None
    kind = fields["kind"] if fields["kind"] in KINDS else "engine"
    return Target(
        name=fields.get("name") or entry.name,
        url=entry.url,
        service=fields["service"],
        kind=kind,
        model=fields["model"],
        version=fields["version"] or UNKNOWN,
        region=fields["region"] or UNKNOWN,
        replica=fields["replica"] if kind != "gpu" else "",
        pod=fields.get("pod") or entry.pod,
    )


def _groups(source: Source, top: shape.Node) -> Iterator[_Entry]:
    for group in top.each():
        labels = _texts(group["labels"])
        scheme, path = labels.get("__scheme__", "http"), labels.get("__metrics_path__", source.path)
        for one in group["targets"].each():
            address = one.text()
            url = address if "://" in address else f"{scheme}://{address}{path}"
            yield _Entry(url, {**labels, "instance": address}, labels.get("instance", address), _pod(labels))


def _scraped(source: Source, top: shape.Node) -> Iterator[_Entry]:
    for one in top["data"]["activeTargets"].each():
        labels = {**_texts(one["discoveredLabels"]), **_texts(one["labels"])}
        url = one["scrapeUrl"].value
        name = f"{labels.get('job', '')}/{labels.get('instance', url)}"
        yield _Entry(url if isinstance(url, str) else "", labels, name, _pod(labels))


def _pods(source: Source, top: shape.Node) -> Iterator[_Entry]:
    for pod in top["items"].each() if top["items"].given else []:
        meta, status = pod["metadata"], pod["status"]
        labels, annotations = _texts(meta["labels"]), _texts(meta["annotations"])
        namespace, name = str(meta["namespace"].value or ""), str(meta["name"].value or "")
        if status["phase"].value != "Running" or meta["deletionTimestamp"].given or not status["podIP"].given:
            continue
        if source.namespace not in ("", namespace) or not _matches(source.selector, labels):
            continue
        port = str(source.port or annotations.get("prometheus.io/port", ""))
        if not port.isdigit() or annotations.get("prometheus.io/scrape", "true") == "false":
            continue  # nothing says that it has metrics
        address = str(status["podIP"].value)
        host = f"[{address}]" if ":" in address else address
        path = annotations.get("prometheus.io/path", source.path)
        scheme = annotations.get("prometheus.io/scheme", "http")
        said = {f"annotation:{key}": value for key, value in annotations.items()}
        yield _Entry(
            f"{scheme}://{host}:{port}{path}",
            {**said, **labels, "pod": name, "namespace": namespace},
            f"{namespace}/{name}",
            f"{namespace}/{name}",
        )


def _matches(selector: str, labels: Mapping[str, str]) -> bool:
    """`a=b,c!=d`; the API server has looked already, the kubelet has not."""
    for part in filter(None, selector.split(",")):
        key, unequal, value = part.partition("!=") if "!=" in part else part.replace("==", "=").partition("=")
        if (labels.get(key.strip()) == value.strip()) == (unequal == "!="):
            return False
    return True


def _pod(labels: Mapping[str, str]) -> str:
    namespace = labels.get("namespace") or labels.get("__meta_kubernetes_namespace", "")
    pod = labels.get("pod") or labels.get("__meta_kubernetes_pod_name", "")
    return f"{namespace}/{pod}" if pod and namespace else pod


def _texts(node: shape.Node) -> dict[str, str]:
    if not node.given:
        return {}
    if not isinstance(node.value, dict):
        node.wrong("a mapping")
    return {str(key): value for key, value in node.value.items() if isinstance(value, str)}


def _json(text: str, file: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise shape.ShapeError(file, "(whole file)", str(problem), "JSON") from None
