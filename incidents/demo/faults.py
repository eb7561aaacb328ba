"""The faults that the demo draws from; nearly all are named as the leaf that should be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

TITLES: Mapping[str, str] = {
    "traffic-spike": "a traffic spike",
    "long-prompt-flood": "a flood of long prompts",
    "slow-tail": "a few very long requests (slow tail)",
    "decode-slowdown": "a slowdown of decoding (GPU power cap)",
    "gpu-throttling": "one GPU that is too hot",
    "decode-slow": "a slowdown of decoding at full clocks",
    "one-slow-replica": "one slow replica",
    "kv-cache-exhaustion": "an exhausted KV cache",
    "prefix-cache-collapse": "a prefix cache that collapses",
    "prefill-slow": "a slowdown of prefill",
    "streaming-stalls": "stalls in the streams",
    "stall": "a worker that stalls",
    "concurrency-cap": "too few places in the batch",
    "cold-start": "cold replicas after a scale-out",
    "replica-outage": "the outage of a replica",
    "service-outage": "the outage of a whole service",
    "region-outage": "the outage of a region",
    "gpu-fault": "a GPU that fell off the bus",
    "error-spike": "a spike of errors",
    "errors-after-quantisation": "errors after a quantisation",
    "out-of-memory": "processes killed for want of memory",
    "retry-storm": "a storm of retries",
    "admission-rejections": "an admission limit that is too low",
    "quality-regression": "a quality regression after quantisation",
    "slice-regression": "a quality regression in one slice",
    "quality-drift": "quality that drifts under the same version",
    "retrieval-regression": "a retriever that finds the wrong passages",
    "schema-break": "tool calls under another schema",
    "safety-regression": "unsafe answers",
    "failed-rollout": "a roll-out that fails after a good canary",
    "config-drift": "a region that drifts in its configuration",
    "runaway-tenant": "a runaway tenant",
    "cost-anomaly": "answers that grow for everyone",
    "traffic-mix-shift": "a shift of the traffic mix",
    "kpi-falls": "a business that falls while throughput rises",
}
#: Leaves of faults that have none of their own name.
LEAVES: Mapping[str, str] = {"gpu-throttling": "decode-slowdown", "concurrency-cap": "queue-unexplained"}
#: A fault runs this long.
LASTS = timedelta(minutes=20)
#: After this long without an incident the answer is shown all the same.
REVEAL_AFTER = timedelta(minutes=25)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was broken, and what Tailwatch made of it."""

    fault: str
    at: datetime
    by: str
    revealed: bool
    correct: bool | None
    detected_seconds: float | None

    @property
    def title(self) -> str:
        return TITLES.get(self.fault, self.fault)


def outcome(
    *, fault: str, at: datetime, by: str, leaf: str | None, opened_at: datetime | None, over: bool, now: datetime
) -> Outcome:
    """Judge the diagnosis. It is shown when the incident is over, or when none opened in 25 minutes; before, it stays a riddle."""
    return Outcome(
        fault=fault,
        at=at,
        by=by,
        revealed=over or now - at >= REVEAL_AFTER,
        correct=None if leaf is None else leaf == LEAVES.get(fault, fault),
        detected_seconds=(opened_at - at).total_seconds() if opened_at is not None else None,
    )
