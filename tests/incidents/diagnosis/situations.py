"""Hand-made signal tables: a healthy service, and what each fault does to it."""

from __future__ import annotations

from collections.abc import Mapping

from incidents.diagnosis.measured import compared
from incidents.diagnosis.signals import Table

Situation = Mapping[str, float | None]

HEALTHY: Situation = {
    "page_breaches": 0, "burn_rate": 0, "outage": 0, "error_share": 0.0001, "ttft_p95": 0.1, "ttft_factor": 1.0,
    "inter_token_p95": 0.03, "inter_token_factor": 1.0, "replicas_down": 0, "queue_share": 0.01, "prefill_share": 0.99,
    "decode_share": 0.97, "queue_growth": 0.0, "prefill_growth": 0.0, "queue_growth_share": None, "prefill_growth_share": None,
    "traffic_factor": 1.0, "request_rate": 40, "prompt_length_factor": 1.0, "output_length_factor": 1.0, "queue_replica_skew": 1.0,
    "kv_cache": 0.6, "preemption_share": 0.074, "prefix_hit_fall": 0.0, "gpu_clock_factor": 1.0, "throttled_share": 0.0,
    "gpu_power": 500, "requests_running": 60, "token_rate_factor": 1.0, "quality_breaches": 0, "answer_similarity": 0.97,
    "similarity_fall": 0.0, "schema_violation_share": None, "safety_violation_share": None, "replay_slices_judged": None,
    "replay_slices_worse": None, "version_similarity_gap": None, "changes_nearby": 0, "cost_findings": 0, "shift_findings": 0,
    "token_factor": 1.0, "top_tenant_share": 0.3, "top_tenant_growth_share": None, "slow_burns": 0, "rejected_share": 0,
    "failed_growth_share": None, "ok_rate_factor": 1.0, "replicas_up": 4, "replica_down_share": 0, "regions_down": 0,
    "engine_restarts": 0, "engines_hanging": 0, "gpu_faults": 0, "gpu_memory_full": 0.9, "replicas_new": 0,
    "new_replica_slowness": None, "config_variants": 1, "rollout_gain": 0, "quantisation_changes": 0, "config_changes": 0,
    "maintenance_nearby": 0, "incidents_elsewhere": 0, "ttft_p50_factor": 1.0, "ttft_p95_factor": 1.0,
    "inter_token_p50_factor": 1.0, "inter_token_p95_factor": 1.0, "e2e_p50_factor": 1.0, "e2e_p95_factor": 1.0,
    "long_gap_time_share": 0.002, "long_gap_time_rise": 0.0, "canary_stall_share": 0.0, "similarity_week_fall": 0.0,
    "worst_slice_fall": 0.01, "other_slices_fall": 0.0, "worst_slice_wrong_rise": 0.0, "other_slices_wrong_rise": 0.0,
    "similarity_region_gap": 0.0, "drift_slices": 0, "retrieval_similarity": None, "retrieval_fall": None,
    "format_violation_share": 0.0, "kpi_findings": 0, "price_findings": 0, "mix_distance": 0.03, "gpu_clock_worst_factor": 1.0,
    "business_factor": 1.0, "other_tenants_factor": 1.0,
} | {measure.named(way): 1.0 for measure, way in compared()}  # fmt: skip

BREACH: Situation = {"page_breaches": 1, "burn_rate": 20.1}
SLOW_FIRST_TOKEN: Situation = {
    **BREACH, "ttft_p95": 0.6, "ttft_factor": 6.0, "ttft_p50_factor": 5.0, "ttft_p95_factor": 6.0, "e2e_p50_factor": 1.6,
}  # fmt: skip
QUEUE: Situation = {
    **SLOW_FIRST_TOKEN,
    "queue_share": 0.71,
    "queue_growth": 0.4,
    "queue_growth_share": 0.92,
    "prefill_growth_share": 0.08,
}
PREFILL: Situation = {**SLOW_FIRST_TOKEN, "prefill_growth": 0.3, "prefill_growth_share": 0.9, "queue_growth_share": 0.1}
DECODE: Situation = {**BREACH, "inter_token_factor": 4.5, "inter_token_p95": 0.16, "inter_token_p50_factor": 4.5}
TAIL: Situation = {**BREACH, "ttft_p95": 0.9, "ttft_p95_factor": 4.0, "ttft_factor": 1.6, "queue_growth_share": 0.8}
DOWN: Situation = {**BREACH, "error_share": 0.1, "replicas_down": 1, "replicas_up": 3, "replica_down_share": 0.25}
QUALITY: Situation = {
    "answer_similarity": 0.8,
    "similarity_fall": 0.17,
    "worst_slice_fall": 0.2,
    "other_slices_fall": 0.16,
}
COST: Situation = {"cost_findings": 1, "token_factor": 3.0, "top_tenant_share": 0.7, "top_tenant_growth_share": 0.96}

#: leaf -> what differs from healthy
LEAVES: Mapping[str, Situation] = {
    "replica-outage": DOWN,
    "service-outage": {
        **BREACH,
        "outage": 1,
        "replicas_down": 4,
        "replicas_up": 0,
        "replica_down_share": 1.0,
        "error_share": None,
    },
    "region-outage": {**DOWN, "replicas_down": 2, "replicas_up": 2, "replica_down_share": 0.5, "regions_down": 1},
    "gpu-fault": {**DOWN, "gpu_faults": 1},
    "out-of-memory": {**DOWN, "engine_restarts": 3, "gpu_memory_full": 0.99, "config_changes": 1, "changes_nearby": 1},
    "errors-after-quantisation": {**BREACH, "error_share": 0.1, "changes_nearby": 1, "quantisation_changes": 1},
    "admission-rejections": {**BREACH, "error_share": 0.2, "rejected_share": 0.97},
    "retry-storm": {
        **QUEUE,
        "traffic_factor": 2.4,
        "failed_growth_share": 0.95,
        "ok_rate_factor": 0.8,
        "error_share": 0.6,
    },
    "cold-start": {**TAIL, "replicas_new": 2, "new_replica_slowness": 3.0},
    "config-drift": {**TAIL, "config_variants": 2, "inter_token_region_skew": 2.4},
    "slow-tail": TAIL,
    "streaming-stalls": {**BREACH, "inter_token_factor": 1.3, "long_gap_time_share": 0.15, "long_gap_time_rise": 0.14},
    "failed-rollout": {**DECODE, "rollout_gain": 0.9},
    "safety-regression": {"safety_violation_share": 0.2, "quality_breaches": 1},
    "retrieval-regression": {**QUALITY, "retrieval_similarity": 0.6, "retrieval_fall": 0.3},
    "schema-break": {"schema_violation_share": 0.3, "format_violation_share": 0.6, "changes_nearby": 1},
    "slice-regression": {
        "answer_similarity": 0.93,
        "similarity_fall": 0.04,
        "drift_slices": 1,
        "worst_slice_fall": 0.17,
        "other_slices_fall": 0.0,
        "changes_nearby": 1,
    },
    "kpi-falls": {"business_factor": 0.24, "traffic_factor": 1.2},
    "cost-anomaly": {"cost_findings": 1, "token_factor": 1.6, "top_tenant_growth_share": 0.2},
    "error-spike": {**BREACH, "error_share": 0.1},
    "traffic-spike": {
        **QUEUE,
        "traffic_factor": 2.6,
        "inter_token_factor": 1.6,
        "kv_cache": 0.95,
        "token_rate_factor": 2.0,
        "ok_rate_factor": 1.4,
    },
    "one-slow-replica": {**QUEUE, "queue_replica_skew": 6.0, "inter_token_replica_skew": 4.0},
    "kv-cache-exhaustion": {**QUEUE, "kv_cache": 0.99, "preemption_share": 0.4},
    "queue-unexplained": QUEUE,
    "long-prompt-flood": {**PREFILL, "prompt_length_factor": 5.5},
    "prefix-cache-collapse": {**PREFILL, "prefix_hit_fall": 0.5, "prefix_hits_factor": 0.1},
    "prefill-slow": PREFILL,
    "decode-slowdown": {**DECODE, "gpu_clock_factor": 0.4, "gpu_clock_worst_factor": 0.4},
    "stall": {**BREACH, "token_rate_factor": 0.01},
    "decode-slow": DECODE,
    "quality-regression": {**QUALITY, "changes_nearby": 1, "version_similarity_gap": 0.17},
    "quality-drift": QUALITY,
    "runaway-tenant": COST,
    "traffic-mix-shift": {"shift_findings": 1, "token_factor": 1.6, "top_tenant_growth_share": 0.2},
    "unexplained": {},
}


def table(*changes: Situation) -> Table:
    """Healthy, but for these."""
    values = dict(HEALTHY)
    for change in changes:
        values.update(change)
    return Table(values)
