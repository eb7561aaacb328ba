"""Each signal of the vocabulary and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from incidents.diagnosis import readings, speed, worth
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.readings import Reader
from incidents.diagnosis.view import View


@dataclass(slots=True)
class ServiceSignals:
    """Signals of one service, lazy: each is computed when first asked."""

    view: View
    known: dict[str, Answer] = field(default_factory=dict)

    def ask(self, name: str) -> Answer:
        if name not in self.known:
            self.known[name] = READERS[name](self.view)
        return self.known[name]


READERS: Mapping[str, Reader] = {
    "page_breaches": readings.count_findings(frozenset({"burn"}), speed.SPEED, page_only=True),
    "burn_rate": speed.burn_rate,
    "outage": readings.count_findings(frozenset({"outage"})),
    "error_share": speed.error_share,
    "ttft_p95": speed.p95("ttft_seconds"),
    "ttft_factor": readings.mean_factor("ttft_seconds"),
    "inter_token_p95": speed.p95("inter_token_seconds"),
    "inter_token_factor": readings.mean_factor("inter_token_seconds"),
    "replicas_down": speed.replicas_down,
    "queue_share": speed.stage_share("queue", readings.TTFT_STAGES),
    "prefill_share": speed.stage_share("prefill", readings.TTFT_STAGES),
    "decode_share": speed.stage_share("decode", (*readings.TTFT_STAGES, "decode")),
    "queue_growth": speed.stage_growth("queue"),
    "prefill_growth": speed.stage_growth("prefill"),
    "queue_growth_share": speed.stage_growth_share("queue"),
    "prefill_growth_share": speed.stage_growth_share("prefill"),
    "traffic_factor": speed.traffic_factor,
    "request_rate": speed.request_rate,
    "prompt_length_factor": speed.per_request("prompt_tokens_total"),
    "output_length_factor": speed.per_request("generated_tokens_total"),
    "queue_replica_skew": speed.queue_skew,
    "kv_cache": readings.gauge_level("kv_cache_ratio"),
    "preemption_share": speed.preemption_share,
    "prefix_hit_fall": speed.prefix_hit_fall,
    "gpu_clock_factor": speed.clock_factor,
    "throttled_share": speed.throttled_share,
    "gpu_power": readings.gauge_level("gpu_power_watts"),
    "requests_running": readings.gauge_level("requests_running"),
    "token_rate_factor": readings.rate_factor("generated_tokens_total"),
    "quality_breaches": readings.count_findings(frozenset({"burn"}), worth.QUALITY),
    "answer_similarity": worth.answer_similarity,
    "similarity_fall": worth.similarity_fall,
    "schema_violation_share": worth.violations("schema_violations_total"),
    "safety_violation_share": worth.violations("safety_violations_total"),
    "replay_slices_judged": worth.replay_count(worse=False),
    "replay_slices_worse": worth.replay_count(worse=True),
    "version_similarity_gap": worth.version_gap,
    "changes_nearby": worth.changes_nearby,
    "cost_findings": readings.count_findings(frozenset({"cost"})),
    "shift_findings": readings.count_findings(frozenset({"shift"})),
    "token_factor": worth.token_factor,
    "top_tenant_share": worth.top_tenant_share,
    "top_tenant_growth_share": worth.top_tenant_growth,
}
