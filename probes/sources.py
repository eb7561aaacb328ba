"""Where targets are found: the `discovery` section of probes.yaml. Pure; what the answers mean is in `discovery`.

discovery:
  - file_sd: /etc/tailwatch/targets/*.json          # Prometheus's file_sd format, JSON or YAML
    set: {service: chat}                            # fields of every target found here
  - http_sd: http://inventory.internal/targets      # Prometheus's http_sd format
    from: {service: [team_service], version: [release]}     # fields by the first of these labels that has a value
  - prometheus: http://prometheus:9090              # what a Prometheus scrapes already
    keep: {job: [vllm, litellm]}                    # only targets whose label has one of these values
  - kubernetes: https://kubernetes.default.svc      # pods of this node; also the kubelet: https://127.0.0.1:10250
    namespace: serving
    selector: app=vllm
    port: 8000                                      # else the annotation prometheus.io/port
    token_file: /var/run/secrets/kubernetes.io/serviceaccount/token
    ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
"""

from __future__ import annotations

from dataclasses import dataclass

from probes import shape

KINDS = ("file_sd", "http_sd", "prometheus", "kubernetes")
FIELDS = ("name", "service", "kind", "model", "version", "region", "replica", "pod")
_OPTIONS = ("set", "from", "keep", "node", "namespace", "selector", "port", "path", "token_file", "ca_file")

#: The labels each field is taken from where `from` does not say.
DEFAULTS: dict[str, tuple[str, ...]] = {
    "service": ("tailwatch_service", "tailwatch.io/service", "service", "app.kubernetes.io/name", "app", "job"),
    "kind": ("tailwatch_kind", "tailwatch.io/kind"),
    "model": ("model", "model_name", "tailwatch.io/model"),
    "version": ("version", "app.kubernetes.io/version"),
    "region": ("region", "topology.kubernetes.io/region"),
    "replica": ("replica", "pod"),
}


@dataclass(frozen=True, slots=True)
class Source:
    kind: str
    at: str  # a glob of files, or a URL
    number: int = 0
    fixed: tuple[tuple[str, str], ...] = ()
    taken: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keep: tuple[tuple[str, tuple[str, ...]], ...] = ()
    node: str = ""  # empty: the environment's NODE_NAME
    namespace: str = ""
    selector: str = ""
    port: int = 0  # 0: as the pod's annotation says
    path: str = "/metrics"
    token_file: str = ""
    ca_file: str = ""

    @property
    def name(self) -> str:
        """How the probe names it in series about itself."""
        return f"{self.kind}-{self.number}"


def load(node: shape.Node) -> tuple[Source, ...]:
    return tuple(_source(one, number) for number, one in enumerate(node.each())) if node.given else ()


def _source(node: shape.Node, number: int) -> Source:
    node.only(*KINDS, *_OPTIONS)
    kinds = [kind for kind in KINDS if node[kind].given]
    if len(kinds) != 1:
        node.wrong("one of " + ", ".join(KINDS))
    kind = kinds[0]
    at = node[kind].text()
    if kind != "file_sd" and not at.startswith(("http://", "https://")):
        node[kind].wrong("a URL with http:// or https://")
    return Source(
        kind=kind,
        at=at.rstrip("/") if kind != "file_sd" else at,
        number=number,
        fixed=tuple((key, one.text()) for key, one in node["set"].only(*FIELDS).items()) if node["set"].given else (),
        taken=_labels(node["from"], known=FIELDS),
        keep=_labels(node["keep"]),
        node=_text(node["node"]),
        namespace=_text(node["namespace"]),
        selector=_text(node["selector"]),
        port=int(node["port"].number(low=1, high=65_535)) if node["port"].given else 0,
        path=_text(node["path"]) or "/metrics",
        token_file=_text(node["token_file"]),
        ca_file=_text(node["ca_file"]),
    )


def _labels(node: shape.Node, *, known: tuple[str, ...] = ()) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not node.given:
        return ()
    return tuple((key, one.texts()) for key, one in (node.only(*known) if known else node).items())


def _text(node: shape.Node) -> str:
    return node.text() if node.given else ""
