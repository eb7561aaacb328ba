"""OTLP over HTTP, received: POST /v1/metrics and /v1/traces, protobuf or JSON, plain or gzip. Needs `tailwatch[otlp]`.

Taken: histograms of the gen_ai conventions, and spans of callers. Everything else is answered with 200 and forgotten. A message
that is no OTLP is answered 400, one that is too large 413, one without the token 401; none of them changes what was counted.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from probes import exponential, spans
from probes.attribution import Attributor, nobody
from probes.clientside import Otlp
from probes.config import Target
from probes.exponential import Exponential
from probes.exposition import Samples, series
from probes.listener import Listener
from probes.replica import Translator
from probes.requests import BY_SPANS, RequestTally
from probes.spans import Span
from probes.streams import Point, Streams

LIMIT_BYTES = 4 * 1024 * 1024
MISSING = "Receiving OpenTelemetry data needs one more package: pip install 'tailwatch[otlp]' (or take `otlp` out of the config)."
#: Labels of points that are kept, as attributes; those of the attribution map besides.
_KEPT = ("gen_ai.operation.name", "gen_ai.request.model", "gen_ai.token.type", "error.type")
_SECONDS = {"s": ("_seconds", 1.0), "ms": ("_seconds", 1e-3)}
_DELTA, _ERROR = 1, 2


class OtlpMissing(ImportError):
    """The message is a sentence for the person who started the probe."""


class BadMessage(ValueError):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class OtlpStore:
    """What was received, as canonical series. One service after another: each has its counters and its translator."""

    def __init__(self, config: Otlp, attributor: Attributor, *, started: float) -> None:
        try:
            from google.protobuf import json_format, message
            from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
        except ImportError:
            raise OtlpMissing(MISSING) from None
        self._parse, self._broken = json_format.Parse, (message.DecodeError, json_format.ParseError)
        self._requests: Mapping[str, Any] = {
            "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
            "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
        }
        self.config, self._attributor, self._started = config, attributor, started
        self._lock = threading.Lock()
        self._streams: dict[str, tuple[Streams, Translator]] = {}
        self._seen = RequestTally()
        self._dropped: Counter[str] = Counter()

    def take(self, path: str, body: bytes, *, as_json: bool, now: float) -> None:
        if path not in self._requests:
            raise BadMessage(404, "There are /v1/metrics and /v1/traces.")
        request = self._requests[path]()
        try:
            if as_json:
                self._parse(body, request, ignore_unknown_fields=True)
            else:
                request.ParseFromString(body)
        except (*self._broken, ValueError, RecursionError) as problem:
            raise BadMessage(400, f"no OTLP message: {problem}"[:300]) from None
        with self._lock:
            if path == "/v1/metrics":
                self._metrics(request, now=now)
            else:
                self._traces(request)

    def samples(self) -> Samples:
        with self._lock:
            out = self._seen.samples()
            for streams, translator in self._streams.values():
                out |= translator.canonical(streams.samples())
                self._dropped += streams.dropped + translator.dropped
                streams.dropped.clear()
                translator.dropped.clear()
            own = {"region": self.config.region, "replica": "otlp", "service": self.config.service}
            for reason, count in self._dropped.items():
                out[series("tailwatch_probe_values_dropped_total", **own, reason=reason)] = float(count)
            return out

    def _service(self, resource: Mapping[str, spans.Value]) -> str:
        return dict(self.config.services).get(str(resource.get("service.name", "")), self.config.service)

    def _metrics(self, request: Any, *, now: float) -> None:
        for group in request.resource_metrics:
            resource = _attributes(group.resource.attributes)
            service = self._service(resource)
            for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
                if not metric.name.startswith("gen_ai."):
                    continue
                kind = metric.WhichOneof("data")
                if kind not in ("histogram", "exponential_histogram"):
                    self._dropped["not_mapped"] += 1
                    continue
                suffix, factor = _SECONDS.get(metric.unit, ("", 1.0))
                name = metric.name.replace(".", "_") + suffix
                data = getattr(metric, kind)
                delta = data.aggregation_temporality == _DELTA
                exponents = exponential.grid(name, factor=factor) if suffix else ()
                for one in data.data_points:
                    try:
                        found = _explicit(one, factor) if kind == "histogram" else _exponential(one, exponents, factor)
                    except exponential.TooCoarse:
                        self._dropped["too_coarse"] += 1
                        continue
                    self._into(service).add(
                        self._point(name, one, resource, found, factor=factor, delta=delta), now=now
                    )

    def _into(self, service: str) -> Streams:
        if service not in self._streams:
            target = Target("otlp", "otlp", service, kind="client", region=self.config.region)
            without = BY_SPANS if self.config.answers == "spans" else ("retrieval_seconds", "reranking_seconds")
            translator = Translator(target, without=without, attributor=_Kept(self._attributor))
            self._streams[service] = (Streams(started=self._started), translator)
        return self._streams[service][0]

    def _point(
        self,
        name: str,
        point: Any,
        resource: Mapping[str, spans.Value],
        buckets: _Buckets,
        *,
        factor: float,
        delta: bool,
    ) -> Point:
        found = {**resource, **_attributes(point.attributes)}
        labels = {key.replace(".", "_"): self._attributor.shown(key, str(found[key])) for key in _KEPT if key in found}
        for dimension in ("tenant", "tag", "region"):
            if names := self._attributor.takes(dimension, "attributes"):
                texts = {key: str(value) for key, value in found.items()}
                if dimension != "region" or any(not nobody(texts.get(one)) for one in names):
                    labels[dimension] = self._attributor.of(dimension, texts, names)
        return Point(
            name=name,
            labels=tuple(sorted(labels.items())),
            sender=json.dumps(sorted((key, str(value)) for key, value in found.items())),
            bounds=buckets[0],
            counts=buckets[1],
            total=point.sum * factor,
            start=point.start_time_unix_nano / 1e9,
            delta=delta,
        )

    def _traces(self, request: Any) -> None:
        for group in request.resource_spans:
            resource = _attributes(group.resource.attributes)
            service = self._service(resource)
            received = [_span(span, resource) for scope in group.scope_spans for span in scope.spans]
            for span in spans.outermost(received):
                seen = spans.seen(span, service=service, region=self.config.region, attributor=self._attributor)
                if seen.what != "answer" or self.config.answers == "spans":
                    self._seen.add(seen)


class _Kept(Attributor):
    """For points whose dimensions were taken already: labels of the same names."""

    def __init__(self, attributor: Attributor) -> None:
        super().__init__(attributor.attribution)
        self._taken = attributor

    def takes(self, dimension: str, kind: str) -> tuple[str, ...]:
        return (dimension,) if self._taken.takes(dimension, "attributes") else ()

    def shown(self, dimension: str, value: str) -> str:
        return value or "unknown"


_Buckets = tuple[tuple[float, ...], tuple[float, ...]]  # bounds, and one count more


def _explicit(point: Any, factor: float) -> _Buckets:
    counts = tuple(float(count) for count in point.bucket_counts)
    return tuple(bound * factor for bound in point.explicit_bounds), counts or (float(point.count),)


def _exponential(point: Any, exponents: Sequence[int], factor: float) -> _Buckets:
    one = Exponential(
        scale=point.scale,
        offset=point.positive.offset,
        counts=point.positive.bucket_counts,
        below=point.zero_count + sum(point.negative.bucket_counts),
        zero_threshold=point.zero_threshold,
    )
    return exponential.bounds(exponents, factor=factor), exponential.counts(one, exponents)


def _attributes(pairs: Iterable[Any]) -> dict[str, spans.Value]:
    out: dict[str, spans.Value] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            value = getattr(pair.value, kind)
            out[pair.key] = str(value).lower() if kind == "bool_value" else value
    return out


def _span(span: Any, resource: Mapping[str, spans.Value]) -> Span:
    return Span(
        attributes={**resource, **_attributes(span.attributes)},
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        ident=span.span_id,
        parent=span.parent_span_id,
        kind=span.kind,
        failed=span.status.code == _ERROR,
        events=tuple(
            (event.name, (event.time_unix_nano - span.start_time_unix_nano) / 1e9) for event in span.events[:64]
        ),
    )


class OtlpReceiver(Listener):
    """The store behind an address. Both it and the token may be exchanged while it serves, as a reload does."""

    def __init__(self, config: Otlp, attributor: Attributor, *, started: float) -> None:
        self.store, self.token = OtlpStore(config, attributor, started=started), _token(config)
        super().__init__((config.host, config.port), _Handler, key="otlp.listen")

    def take(self, config: Otlp, attributor: Attributor, *, started: float) -> None:
        """Another configuration behind the same address."""
        self.store, self.token = OtlpStore(config, attributor, started=started), _token(config)


def _token(config: Otlp) -> str:
    return Path(config.token_file).read_text("utf-8").strip() if config.token_file else ""


class _Handler(BaseHTTPRequestHandler):
    server: OtlpReceiver
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        try:
            body = self._body()
            kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
            if kind not in ("application/x-protobuf", "application/json"):
                raise BadMessage(415, "Send application/x-protobuf or application/json.")
            as_json = kind == "application/json"
            self.server.store.take(self.path.partition("?")[0], body, as_json=as_json, now=time.monotonic())
        except BadMessage as problem:
            self.close_connection = True
            self._answer(problem.status, "text/plain; charset=utf-8", f"{problem}\n".encode())
        else:
            self._answer(200, kind, b"{}" if as_json else b"")

    def _body(self) -> bytes:
        wanted = f"Bearer {self.server.token}"
        if self.server.token and not hmac.compare_digest(
            self.headers.get("Authorization", "").encode(), wanted.encode()
        ):
            raise BadMessage(401, "This receiver needs a bearer token.")
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            raise BadMessage(411, "Send a Content-Length.")
        if int(length) > LIMIT_BYTES:
            raise BadMessage(413, f"At most {LIMIT_BYTES} bytes.")
        try:
            body = self.rfile.read(int(length))
        except TimeoutError:
            raise BadMessage(408, "The body did not come in time.") from None
        if len(body) < int(length):
            raise BadMessage(400, "The body is shorter than its Content-Length.")
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("gzip", "identity"):
            raise BadMessage(415, "Send gzip or no encoding.")
        return body if encoding == "identity" else _unzipped(body)

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """A message every few seconds from each sender is not news."""


def _unzipped(body: bytes) -> bytes:
    packed = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        out = packed.decompress(body, LIMIT_BYTES)
    except zlib.error as problem:
        raise BadMessage(400, f"no gzip: {problem}") from None
    if packed.unconsumed_tail:
        raise BadMessage(413, f"At most {LIMIT_BYTES} bytes, unpacked.")
    if not packed.eof:
        raise BadMessage(400, "The gzip ends before its end.")
    return out
