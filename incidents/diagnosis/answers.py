"""Each signal of the vocabulary and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from incidents.diagnosis import failing, levels, parts, readings, slices, speed, tails, worth
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
    "slow_burns": readings.count_findings(frozenset({"burn", "moved"}), speed.SPEED),
    "error_share": failing.error_share,
    "rejected_share": failing.rejected_share,
    "failed_growth_share": failing.failed_growth_share,
    "ok_rate_factor": failing.ok_rate_factor,
    "ttft_p95": tails.p95("ttft_seconds"),
    "ttft_p50_factor": tails.quantile_factor("ttft_seconds", 0.5),
    "ttft_p95_factor": tails.quantile_factor("ttft_seconds", 0.95),
    "inter_token_p50_factor": tails.quantile_factor("inter_token_seconds", 0.5),
    "inter_token_p95_factor": tails.quantile_factor("inter_token_seconds", 0.95),
    "e2e_p50_factor": tails.quantile_factor("e2e_seconds", 0.5),
    "e2e_p95_factor": tails.quantile_factor("e2e_seconds", 0.95),
    "long_gap_time_share": tails.long_gap_time_share,
    "long_gap_time_rise": tails.long_gap_time_rise,
    "canary_stall_share": tails.canary_stall_share,
    "ttft_factor": readings.mean_factor("ttft_seconds"),
    "inter_token_p95": tails.p95("inter_token_seconds"),
    "inter_token_factor": readings.mean_factor("inter_token_seconds"),
    "replicas_down": parts.replicas_down,
    "replicas_up": parts.replicas_up,
    "replica_down_share": parts.replica_down_share,
    "regions_down": parts.regions_down,
    "engine_restarts": parts.engine_restarts,
    "engines_hanging": parts.engines_hanging,
    "gpu_faults": parts.gpu_faults,
    "gpu_clock_worst_factor": parts.clock_worst_factor,
    "gpu_memory_full": parts.gpu_memory_full,
    "replicas_new": parts.replicas_new,
    "new_replica_slowness": parts.new_replica_slowness,
    "config_variants": parts.config_variants,
    "rollout_gain": parts.rollout_gain,
    "quantisation_changes": worth.quantisation_changes,
    "config_changes": worth.config_changes,
    "maintenance_nearby": worth.maintenance_nearby,
    "incidents_elsewhere": worth.incidents_elsewhere,
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
    "quality_breaches": readings.count_findings(frozenset({"burn", "moved"}), worth.QUALITY),
    "answer_similarity": worth.answer_similarity,
    "similarity_fall": worth.similarity_fall,
    "similarity_week_fall": worth.similarity_week_fall,
    "worst_slice_fall": slices.worst_fall(slices.similarity, "answer_similarity_ratio", "cosine"),
    "other_slices_fall": slices.others_fall(slices.similarity, "answer_similarity_ratio"),
    "worst_slice_wrong_rise": slices.worst_fall(slices.wrong, "answer_right_total", "ratio", -1.0),
    "other_slices_wrong_rise": slices.others_fall(slices.wrong, "answer_right_total", -1.0),
    "similarity_region_gap": slices.region_gap,
    "drift_slices": slices.drift_slices,
    "retrieval_similarity": slices.retrieval_similarity,
    "retrieval_fall": slices.retrieval_fall,
    "format_violation_share": worth.violations("schema_violations_total", worth.STRUCTURE),
    "kpi_findings": worth.kpi_findings,
    "business_factor": worth.business_factor,
    "schema_violation_share": worth.violations("schema_violations_total"),
    "safety_violation_share": worth.violations("safety_violations_total"),
    "latency_lead": worth.latency_lead,
    "replay_slices_judged": worth.replay_count(worse=False),
    "replay_slices_worse": worth.replay_count(worse=True),
    "version_similarity_gap": worth.version_gap,
    "changes_nearby": worth.changes_nearby,
    "cost_findings": readings.count_findings(frozenset({"cost"})),
    "shift_findings": readings.count_findings(frozenset({"shift"})),
    "token_factor": worth.token_factor,
    "top_tenant_share": worth.top_tenant_share,
    "top_tenant_growth_share": worth.top_tenant_growth,
    "other_tenants_factor": worth.other_tenants_factor,
    "price_findings": worth.price_findings,
    "mix_distance": worth.mix_distance,
    **levels.readers(),
}
