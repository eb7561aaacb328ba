"""Hand-made signal tables: a healthy service, and what each fault does to it."""

from __future__ import annotations

from collections.abc import Mapping

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
    "token_factor": 1.0, "top_tenant_share": 0.3, "top_tenant_growth_share": None,
}  # fmt: skip

BREACH: Situation = {"page_breaches": 1, "burn_rate": 20.1}
SLOW_FIRST_TOKEN: Situation = {**BREACH, "ttft_p95": 0.6, "ttft_factor": 6.0}
QUEUE: Situation = {
    **SLOW_FIRST_TOKEN,
    "queue_share": 0.71,
    "queue_growth": 0.4,
    "queue_growth_share": 0.92,
    "prefill_growth_share": 0.08,
}
PREFILL: Situation = {**SLOW_FIRST_TOKEN, "prefill_growth": 0.3, "prefill_growth_share": 0.9, "queue_growth_share": 0.1}
DECODE: Situation = {**BREACH, "inter_token_factor": 4.5, "inter_token_p95": 0.16}
QUALITY: Situation = {"answer_similarity": 0.8, "similarity_fall": 0.17}
COST: Situation = {"cost_findings": 1, "token_factor": 3.0, "top_tenant_share": 0.7, "top_tenant_growth_share": 0.96}

#: leaf -> what differs from healthy
LEAVES: Mapping[str, Situation] = {
    "replica-outage": {**BREACH, "error_share": 0.1, "replicas_down": 1},
    "error-spike": {**BREACH, "error_share": 0.1},
    "traffic-spike": {
        **QUEUE,
        "traffic_factor": 2.6,
        "inter_token_factor": 1.6,
        "kv_cache": 0.95,
        "token_rate_factor": 2.0,
    },
    "one-slow-replica": {**QUEUE, "queue_replica_skew": 6.0},
    "kv-cache-exhaustion": {**QUEUE, "kv_cache": 0.99, "preemption_share": 0.4},
    "queue-unexplained": QUEUE,
    "long-prompt-flood": {**PREFILL, "prompt_length_factor": 5.5},
    "prefix-cache-collapse": {**PREFILL, "prefix_hit_fall": 0.5},
    "prefill-slow": PREFILL,
    "decode-slowdown": {**DECODE, "gpu_clock_factor": 0.4},
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
