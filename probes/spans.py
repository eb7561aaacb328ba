"""A span of a caller as a request seen. Pure.

Attributes of OpenTelemetry's gen_ai conventions, with those of OpenInference and of older instrumentations. Spans of servers are
left out: an engine measures itself by its metrics. Of answers within answers (a framework's span around its library's) the
outer one counts, where both come in one message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probes import dialects
from probes.attribution import UNKNOWN, Attributor
from probes.requests import ANSWER, RERANKING, RETRIEVAL, Seen

Value = str | float
_OPERATIONS = {
    "chat": ANSWER, "text_completion": ANSWER, "generate_content": ANSWER, "completion": ANSWER, "LLM": ANSWER,
    "retrieval": RETRIEVAL, "RETRIEVER": RETRIEVAL, "rerank": RERANKING, "RERANKER": RERANKING,
}  # fmt: skip
_OPERATION = ("gen_ai.operation.name", "openinference.span.kind", "llm.request.type")
_FIRST = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.latency.time_to_first_token",
)
_PROMPT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_GENERATED = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_MODEL = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")
_FIRST_EVENTS = ("first token", "first_token", "first chunk", "first_chunk")
SERVER = 2  # SpanKind


@dataclass(frozen=True, slots=True)
class Span:
    attributes: Mapping[str, Value]  # the resource's beneath the span's own
    seconds: float
    ident: bytes = b""
    parent: bytes = b""
    kind: int = 0
    failed: bool = False
    events: Sequence[tuple[str, float]] = ()  # name, seconds after the span's start


def what(span: Span) -> str | None:
    if span.kind == SERVER:
        return None
    said = (str(span.attributes[name]) for name in _OPERATION if name in span.attributes)
    return next((_OPERATIONS[one] for one in said if one in _OPERATIONS), None)


def outermost(spans: Sequence[Span]) -> list[Span]:
    """Those that are something we count, without answers inside of answers."""
    parents = {span.ident: span for span in spans if span.ident}
    return [span for span in spans if (kind := what(span)) and not (kind == ANSWER and _inside(span, parents))]


def _inside(span: Span, parents: Mapping[bytes, Span]) -> bool:
    at = parents.get(span.parent)
    for _ in range(64):
        if at is None:
            return False
        if what(at) == ANSWER:
            return True
        at = parents.get(at.parent)
    return False


def seen(span: Span, *, service: str, region: str, attributor: Attributor) -> Seen:
    found = {name: str(value) for name, value in span.attributes.items()}
    whose = {
        dimension: attributor.of(dimension, found, attributor.takes(dimension, "attributes"))
        for dimension in ("tenant", "tag", "region")
        if attributor.takes(dimension, "attributes")
    }
    first = _number(span, _FIRST)
    if first is None:
        first = next((at for name, at in span.events if any(one in name.lower() for one in _FIRST_EVENTS)), None)
    return Seen(
        service=service,
        what=what(span) or ANSWER,
        outcome=_outcome(found.get("error.type", "")) if span.failed or "error.type" in found else "ok",
        seconds=span.seconds,
        first_seconds=first,
        prompt_tokens=_number(span, _PROMPT),
        generated_tokens=_number(span, _GENERATED),
        model=attributor.shown("model", next((found[name] for name in _MODEL if name in found), "")),
        region=region if whose.get("region", UNKNOWN) == UNKNOWN else whose["region"],
        tenant=whose.get("tenant", UNKNOWN),
        tag=whose.get("tag", ""),
    )


def _outcome(error: str) -> str:
    """As the dialect of the conventions reads error.type; a failure without one is an error."""
    otel = next(one for one in dialects.shipped() if one.name == "otel")
    reason = next(rule.reason for rule in otel.rules if rule.signal == "client_requests_total")
    return reason.of(error) if error and reason is not None else "error"


def _number(span: Span, names: Sequence[str]) -> float | None:
    values = (span.attributes.get(name) for name in names)
    return next((float(value) for value in values if isinstance(value, int | float)), None)
