"""The `otlp` and `access_logs` sections of probes.yaml: what callers and gateways tell of single requests. Pure.

otlp:
  listen: 127.0.0.1:4318                 # OTLP over HTTP: /v1/metrics and /v1/traces, protobuf or JSON
  service: chat                          # of senders that `services` does not name
  services: {chat-frontend: chat}        # service.name of the sender to ours
  region: eu-west
  answers: spans                         # which of the two counts answers: spans (slices, tenants) or metrics; never both
  token_file: /etc/tailwatch/otlp-token  # senders then need it as a bearer token

access_logs:
  - path: /var/log/envoy/access.jsonl    # one JSON object a line; rotated files are followed
    service: chat
    paths: [/v1/chat/completions]        # lines of other request paths are left out
    fields: {first_milliseconds: [ttft]} # names of fields, dots lead into objects; the first with a value counts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probes import shape

#: Where a line says what, unless `fields` says otherwise: Envoy's, nginx's and OpenAI-compatible gateways' usual names.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "status": ("response_code", "status", "status_code"),
    "seconds": ("request_time", "duration_seconds", "latency_seconds"),
    "milliseconds": ("duration", "duration_ms", "latency_ms"),
    "first_seconds": ("time_to_first_token", "ttft_seconds", "upstream_header_time"),
    "first_milliseconds": ("time_to_first_token_ms", "ttft_ms"),
    "prompt_tokens": ("prompt_tokens", "usage.prompt_tokens", "usage.input_tokens", "input_tokens"),
    "generated_tokens": ("completion_tokens", "usage.completion_tokens", "usage.output_tokens", "output_tokens"),
    "retrieval_milliseconds": ("retrieval_ms",),
    "reranking_milliseconds": ("reranking_ms", "rerank_ms"),
    "model": ("model", "request.model"),
    "path": ("path", "uri", "request_uri", ":path", "request.path"),
}
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/generate", "/v1/messages")


@dataclass(frozen=True, slots=True)
class Otlp:
    host: str
    port: int
    service: str
    services: tuple[tuple[str, str], ...] = ()
    region: str = "unknown"
    answers: str = "spans"
    token_file: str = ""


@dataclass(frozen=True, slots=True)
class AccessLog:
    path: str
    service: str
    number: int = 0
    model: str = ""
    region: str = "unknown"
    paths: tuple[str, ...] = PATHS
    fields: tuple[tuple[str, tuple[str, ...]], ...] = tuple(FIELDS.items())

    @property
    def name(self) -> str:
        return f"access_log-{self.number}"


def otlp(node: shape.Node) -> Otlp | None:
    if not node.given:
        return None
    node.only("listen", "service", "services", "region", "answers", "token_file")
    host, _, port = (node["listen"].text() if node["listen"].given else "127.0.0.1:4318").rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        node["listen"].wrong("address:port, as 127.0.0.1:4318")
    services = node["services"]
    return Otlp(
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        service=node["service"].text(),
        services=tuple((name, one.text()) for name, one in services.items()) if services.given else (),
        region=node["region"].text() if node["region"].given else "unknown",
        answers=node["answers"].one_of(("spans", "metrics")) if node["answers"].given else "spans",
        token_file=node["token_file"].text() if node["token_file"].given else "",
    )


def access_logs(node: shape.Node) -> tuple[AccessLog, ...]:
    return tuple(_log(one, number) for number, one in enumerate(node.each())) if node.given else ()


def _log(node: shape.Node, number: int) -> AccessLog:
    node.only("path", "service", "model", "region", "paths", "fields")
    fields = node["fields"]
    given = {name: one.texts() for name, one in fields.only(*FIELDS).items()} if fields.given else {}
    return AccessLog(
        path=node["path"].text(),
        service=node["service"].text(),
        number=number,
        model=node["model"].text() if node["model"].given else "",
        region=node["region"].text() if node["region"].given else "unknown",
        paths=node["paths"].texts() if node["paths"].given else PATHS,
        fields=tuple({**FIELDS, **given}.items()),
    )
