"""The vocabulary: each canonical signal once, with its unit, labels and meaning. Pure data.

A series is `tailwatch_<name>`; readers of rollups use the name without the prefix. Labels are a closed set; at most one of
them is a reason (`outcome`, `reason` or `state`). Later work adds names, never renames one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PREFIX = "tailwatch_"
Kind = Literal["counter", "gauge", "histogram"]

#: Outcomes of a request. Bad for availability: error, timeout, rejected. A client's abort is a signal of its own.
OUTCOMES = ("ok", "error", "timeout", "rejected", "aborted")
REPLICA = ("service", "model", "version", "replica", "region")
SERVICE = ("service", "model", "version", "region")
MODEL = ("service", "model", "region")
GPU = ("service", "replica", "region", "gpu")
#: Labels a canonical series may carry. config_hash, field, value and source belong to the config families alone.
LABELS = (
    *REPLICA,
    "tenant",
    "tag",
    "slice",
    "gpu",
    "outcome",
    "reason",
    "state",
    "config_hash",
    "field",
    "value",
    "source",
)


@dataclass(frozen=True, slots=True)
class Signal:
    name: str  # without the prefix
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def family(self) -> str:
        return PREFIX + self.name


_ALL = (
    # Requests, as the gateway counts them where a service has one, else as the engine does.
    Signal("requests_total", "counter", "requests", (*REPLICA, "outcome"),
           "requests ended, by outcome; an engine counts only those it finished, a gateway also failed and rejected ones"),
    Signal("tenant_requests_total", "counter", "requests", ("service", "model", "replica", "region", "tenant", "outcome"),
           "requests ended per tenant, from the gateway"),
    Signal("tenant_tokens_total", "counter", "tokens", ("service", "model", "replica", "region", "tenant"),
           "prompt and generated tokens per tenant, from the gateway"),
    Signal("prompt_tokens_total", "counter", "tokens", REPLICA, "prompt tokens processed"),
    Signal("generated_tokens_total", "counter", "tokens", REPLICA, "tokens generated"),
    Signal("http_responses_total", "counter", "requests", (*REPLICA, "outcome"),
           "answers of the engine's own HTTP server by status, the failed and rejected ones that requests_total lacks among them"),
    Signal("rejections_total", "counter", "requests", ("service", "model", "replica", "region", "tenant", "reason"),
           "requests that a gateway turned away: quota (the tenant over its own limit), admission (ours), joint (cannot tell)"),
    # Latency of traffic, as the engine measures it.
    Signal("ttft_seconds", "histogram", "seconds", REPLICA, "arrival to first token"),
    Signal("inter_token_seconds", "histogram", "seconds", REPLICA, "gap between two outputs of one request"),
    Signal("per_token_seconds", "histogram", "seconds", REPLICA,
           "(last - first token) / (tokens - 1) of a request: 41 tokens in 4 s after the first are 0.1 s"),
    Signal("e2e_seconds", "histogram", "seconds", REPLICA, "arrival to last token, written when a request finishes"),
    Signal("queue_seconds", "histogram", "seconds", REPLICA, "arrival to first scheduled, written when a request finishes"),
    Signal("prefill_seconds", "histogram", "seconds", REPLICA, "first scheduled to first token, written on finish"),
    Signal("decode_seconds", "histogram", "seconds", REPLICA, "first to last token, written on finish"),
    # Latency and state of a gateway in front of the engines.
    Signal("gateway_e2e_seconds", "histogram", "seconds", REPLICA, "gateway: request received to response sent"),
    Signal("gateway_ttft_seconds", "histogram", "seconds", REPLICA, "gateway: request sent upstream to its first token"),
    Signal("gateway_upstream_seconds", "histogram", "seconds", REPLICA, "gateway: the upstream call alone"),
    Signal("gateway_overhead_seconds", "histogram", "seconds", REPLICA, "gateway: what it adds to the upstream call"),
    Signal("gateway_requests_running", "gauge", "requests", REPLICA, "requests open at the gateway"),
    Signal("gateway_deployment_state_code", "gauge", "0, 1 or 2", REPLICA,
           "worst deployment behind the gateway: 0 healthy, 1 partly failing, 2 out"),
    # Latency of traffic, as its clients feel it: OpenTelemetry, spans, access logs. A slice is a class of prompt length.
    Signal("client_requests_total", "counter", "requests", (*SERVICE, "tenant", "tag", "outcome"), "client: requests ended"),
    Signal("client_prompt_tokens_total", "counter", "tokens", (*SERVICE, "tenant", "tag"), "client: prompt tokens sent"),
    Signal("client_generated_tokens_total", "counter", "tokens", (*SERVICE, "tenant", "tag"), "client: tokens received"),
    Signal("client_ttft_seconds", "histogram", "seconds", (*SERVICE, "slice"), "client: request sent to first chunk"),
    Signal("client_inter_token_seconds", "histogram", "seconds", (*SERVICE, "slice"), "client: gap between chunks"),
    Signal("client_per_token_seconds", "histogram", "seconds", (*SERVICE, "slice"),
           "client: (end - first chunk) / (tokens - 1) of a request"),
    Signal("client_e2e_seconds", "histogram", "seconds", (*SERVICE, "slice"), "client: request sent to end of the answer"),
    Signal("business_events_total", "counter", "events", (*MODEL, "reason"),
           "what the business counts of a service, by kind: orders, bookings, matters settled"),
    Signal("retrieval_seconds", "histogram", "seconds", SERVICE, "client: documents looked up for a prompt"),
    Signal("reranking_seconds", "histogram", "seconds", SERVICE, "client: found documents put in order"),
    # Engine state.
    Signal("requests_running", "gauge", "requests", REPLICA, "requests in the running batch"),
    Signal("requests_waiting", "gauge", "requests", REPLICA, "requests that wait to be scheduled"),
    Signal("kv_cache_ratio", "gauge", "ratio", REPLICA, "share of KV-cache blocks in use; stale on an idle engine"),
    Signal("preemptions_total", "counter", "preemptions", REPLICA, "requests put back for want of KV blocks"),
    Signal("draft_tokens_total", "counter", "tokens", REPLICA, "tokens proposed by speculative decoding"),
    Signal("accepted_tokens_total", "counter", "tokens", REPLICA, "proposed tokens that the model kept"),
    Signal("prefix_cache_queries_total", "counter", "tokens", REPLICA, "prompt tokens looked up in the prefix cache"),
    Signal("prefix_cache_hits_total", "counter", "tokens", REPLICA, "prompt tokens found in the prefix cache"),
    Signal("process_start_seconds", "gauge", "unix seconds", REPLICA, "when the engine's process started"),
    Signal("target_up", "gauge", "1 or 0", REPLICA, "1 where the last scrape of a replica's engine succeeded"),
    Signal("exporter_up", "gauge", "1 or 0", ("service", "replica", "region"), "the same for a gateway's or a GPU's page"),
    Signal("engine_state", "gauge", "1 or 0", (*REPLICA, "state"),
           "serving, idle, hanging (runs, no token for a minute), blocked (the same, all wait), cannot_tell; beside idle kv_stale"),
    Signal("engine_stalled_seconds", "gauge", "seconds", REPLICA, "how long there are requests and no token; 0 while tokens come"),
    Signal("engine_restarts_total", "counter", "restarts", REPLICA, "restarts of the engine that the probe saw"),
    # A replica's own latency over the last five minutes, renewed each minute. Never to be averaged over replicas.
    Signal("latency_mean_seconds", "gauge", "seconds", (*REPLICA, "reason"),
           "mean over five minutes of what `reason` names: ttft, e2e, queue, ..."),
    Signal("latency_p95_seconds", "gauge", "seconds", (*REPLICA, "reason"),
           "95th percentile of the same; NaN where it lies below the first bound, above the last, or in fewer than 20 requests"),
    Signal("latency_p95_low_seconds", "gauge", "seconds", (*REPLICA, "reason"), "lower bound of the bucket that it lies in"),
    Signal("latency_p95_high_seconds", "gauge", "seconds", (*REPLICA, "reason"), "upper bound of that bucket"),
    Signal("token_time_seconds", "gauge", "seconds", ("service", "reason"),
           "mean time of one token over five minutes by where it goes: dns, connect, tls, network, host, kernel, compute; joint: with +"),
    Signal("config_info", "gauge", "always 1", (*REPLICA, "config_hash"), "the configuration a replica runs, by hash"),
    Signal("config_field_info", "gauge", "always 1", (*REPLICA, "field", "value"), "one field of that configuration"),
    Signal("config_source_info", "gauge", "always 1", (*REPLICA, "field", "value", "source"),
           "every field of the inventory with the source that told it; value `cannot tell` and source `nobody` where none did"),
    # GPUs.
    Signal("gpu_state", "gauge", "always 1", (*GPU, "state"),
           "ok, or why values are missing: no_driver, no_gpu, not_answering, lost, denied, <value>_not_supported"),
    Signal("gpu_utilisation_ratio", "gauge", "ratio", GPU, "share of time with at least one kernel resident"),
    Signal("gpu_utilisation_spread_points", "gauge", "percentage points", (*GPU, "reason"),
           "standard deviation over 5 minutes of the one-second means of what `reason` names, only while requests run"),
    Signal("gpu_imbalance_points", "gauge", "percentage points", ("service", "replica", "region", "reason"),
           "largest less smallest 5-minute mean over the GPUs of one replica, of what `reason` names, only while requests run"),
    Signal("gpu_sm_activity_ratio", "gauge", "ratio", GPU, "share of the streaming multiprocessors that were busy"),
    Signal("gpu_tensor_activity_ratio", "gauge", "ratio", GPU, "share of time with the tensor cores at work"),
    Signal("gpu_dram_activity_ratio", "gauge", "ratio", GPU, "share of the memory bandwidth in use"),
    Signal("gpu_memory_bytes", "gauge", "bytes", GPU, "memory in use"),
    Signal("gpu_memory_total_bytes", "gauge", "bytes", GPU, "memory that the GPU or instance has"),
    Signal("gpu_power_watts", "gauge", "watts", GPU, "power drawn"),
    Signal("gpu_power_peak_watts", "gauge", "watts", GPU, "highest of the driver's power samples since the reading before"),
    Signal("gpu_power_limit_watts", "gauge", "watts", GPU, "power limit in force"),
    Signal("gpu_energy_joules_total", "counter", "joules", GPU, "energy since the driver was loaded"),
    Signal("gpu_clock_hertz", "gauge", "hertz", GPU, "clock of the streaming multiprocessors"),
    Signal("gpu_memory_clock_hertz", "gauge", "hertz", GPU, "clock of the memory"),
    Signal("gpu_temperature_celsius", "gauge", "celsius", GPU, "core temperature"),
    Signal("gpu_memory_temperature_celsius", "gauge", "celsius", GPU, "memory temperature"),
    Signal("gpu_ecc_errors_total", "counter", "errors", (*GPU, "reason"),
           "memory errors since the driver was loaded: corrected, uncorrected"),
    Signal("gpu_row_remaps_total", "counter", "rows", (*GPU, "reason"), "memory rows replaced, for corrected or uncorrected errors"),
    Signal("gpu_row_remap_pending", "gauge", "1 or 0", GPU, "1 where a replaced row waits for the next reset"),
    Signal("gpu_row_remap_failed", "gauge", "1 or 0", GPU, "1 where no spare row was left: the board is to be replaced"),
    Signal("gpu_pcie_replays_total", "counter", "replays", GPU, "packets sent again over PCIe"),
    Signal("gpu_nvlink_bytes_total", "counter", "bytes", (*GPU, "reason"), "data over all NVLinks: sent, received"),
    Signal("gpu_nvlink_errors_total", "counter", "errors", (*GPU, "reason"), "NVLink errors: crc_flit, crc_data, replay, recovery"),
    Signal("gpu_processes", "gauge", "processes", GPU, "compute processes, counted every five minutes"),
    Signal("gpu_fault_severity", "gauge", "1 to 3", (*GPU, "reason"),
           "3 take it out of service, 2 degraded, 1 evidence only; absent where nothing is wrong"),
    Signal("gpu_throttled_seconds_total", "counter", "seconds", (*GPU, "reason"), "time with clocks held down, by reason"),
    Signal("gpu_xid_code", "gauge", "code", GPU, "code of the latest XID error, 0 for none (DCGM)"),
    Signal("gpu_xid_total", "counter", "events", (*GPU, "reason"), "XID errors seen, by code"),
    Signal("gpu_xid_by_severity_total", "counter", "events", (*GPU, "reason"),
           "XID errors seen: critical, warning, application, information, unlisted; from 0, so that a first one is an increment"),
    # Canaries: sent by the probe and measured by the client; never mixed with traffic. Only those sent to a pod have a replica.
    Signal("canary_requests_total", "counter", "requests", (*REPLICA, "slice", "outcome"), "canary prompts ended"),
    Signal("canary_ttft_seconds", "histogram", "seconds", (*REPLICA, "slice"), "canary: request sent to first token"),
    Signal("canary_inter_token_seconds", "histogram", "seconds", (*REPLICA, "slice"), "canary: gap between tokens"),
    Signal("canary_per_token_seconds", "histogram", "seconds", (*REPLICA, "slice"),
           "canary: (last - first token) / (tokens - 1)"),
    Signal("canary_e2e_seconds", "histogram", "seconds", (*REPLICA, "slice"), "canary: request sent to last token"),
    Signal("canary_phase_seconds", "histogram", "seconds", (*REPLICA, "slice", "reason"),
           "canary: dns (name looked up), connect (TCP), tls, first_byte (request sent to answer's head)"),
    Signal("canary_stalls_total", "counter", "gaps", (*REPLICA, "slice"), "canary: gaps between tokens of stall_seconds or more"),
    Signal("canary_finished_total", "counter", "requests", (*REPLICA, "slice", "reason"), "canary answers by finish reason"),
    Signal("canary_failures_total", "counter", "requests", (*REPLICA, "slice", "reason"),
           "canaries that failed, by what broke: dns, connect, tls, redirect, status, timeout_*, broken_frame, stream_ended ..."),
    Signal("canary_prompt_tokens_total", "counter", "tokens", (*REPLICA, "slice"),
           "prompt tokens of canaries, to be subtracted from the service's"),
    Signal("canary_tokens_total", "counter", "tokens", (*REPLICA, "slice"),
           "tokens generated for canaries, to be subtracted from the service's"),
    Signal("canary_skipped_total", "counter", "requests", ("service", "reason"),
           "canaries not sent: budget, share (of traffic), concurrency, asleep (scaled to zero)"),
    # The worst seconds of a marked service, read each second.
    Signal("burst_requests", "gauge", "requests", ("service", "state"),
           "requests in the worst and in the busiest 10 s of the last minute"),
    Signal("burst_over_250ms_requests", "gauge", "requests", ("service", "state"), "of those, over 250 ms"),
    Signal("burst_over_300ms_requests", "gauge", "requests", ("service", "state"),
           "of those, over 300 ms; absent where the source has no such bound"),
    # Answers.
    Signal("answer_similarity_ratio", "gauge", "ratio", (*SERVICE, "slice"),
           "cosine of canary answers to stored references, mean of the latest 10"),
    Signal("answer_similarity_sum_total", "counter", "ratio", (*SERVICE, "slice"), "sum of those cosines, below 0 as 0"),
    Signal("answer_similarity_samples_total", "counter", "answers", (*SERVICE, "slice"), "answers compared"),
    Signal("answer_similarity_baseline_ratio", "gauge", "ratio", (*MODEL, "slice"),
           "what that cosine was when the signed reference set was recorded"),
    Signal("answer_similarity_threshold_ratio", "gauge", "ratio", (*MODEL, "slice"),
           "0.92 where that baseline is near 0.97, else the calibrated equivalent"),
    Signal("answer_asserted_total", "counter", "answers", (*SERVICE, "slice"), "answers held against assertions"),
    Signal("answer_right_total", "counter", "answers", (*SERVICE, "slice"), "answers that held all their assertions"),
    Signal("answer_accuracy_ratio", "gauge", "ratio", (*SERVICE, "slice"), "share of right answers, of the latest 10"),
    Signal("answer_drift_state", "gauge", "always 1", (*MODEL, "slice", "state"),
           "none; suspected: wording alone; found: meaning or assertions. Only found may lead to an action"),
    Signal("answer_drift_evidence_ratio", "gauge", "ratio", (*MODEL, "slice", "reason"),
           "sequential test (cosine, assertions): share of the evidence that an alarm needs"),
    Signal("answer_drift_alarms_total", "counter", "alarms", (*MODEL, "slice", "reason"), "alarms of that test"),
    Signal("answer_embedding_failures_total", "counter", "answers", (*SERVICE, "slice"),
           "answers left uncompared, for the embedder did not answer"),
    Signal("retrieval_similarity_ratio", "gauge", "ratio", (*SERVICE, "slice"),
           "cosine of expected passages to the nearest retrieved one, mean of the latest 10 answers"),
    Signal("retrieval_similarity_sum_total", "counter", "ratio", (*SERVICE, "slice"), "sum of those cosines"),
    Signal("retrieval_similarity_samples_total", "counter", "answers", (*SERVICE, "slice"), "answers with passages compared"),
    Signal("reference_state", "gauge", "always 1", (*MODEL, "state"),
           "ok, or why a reference set does not judge: no_baseline, unsigned, other_embedder, rebaselining"),
    Signal("schema_checks_total", "counter", "answers", (*SERVICE, "slice", "reason"),
           "canary answers held against an assertion, by kind: violations over these are the ratio"),
    Signal("schema_violations_total", "counter", "answers", (*SERVICE, "slice", "reason"),
           "canary answers that broke an assertion, by kind of assertion"),
    Signal("safety_checks_total", "counter", "answers", (*SERVICE, "slice", "reason"),
           "canary answers held against a safety assertion, by what it guards against"),
    Signal("safety_violations_total", "counter", "answers", (*SERVICE, "slice", "reason"),
           "canary answers that broke a safety assertion"),
    # The probe about itself.
    Signal("probe_start_seconds", "gauge", "unix seconds", (), "when the probe started"),
    Signal("probe_scrape_seconds", "gauge", "seconds", ("service", "replica", "region"), "time the last scrape took"),
    Signal("probe_scrape_failures_total", "counter", "scrapes", ("service", "replica", "region", "reason"),
           "scrapes that failed: connect, tls, redirect, status, timeout, too_large, encoding, malformed"),
    Signal("probe_values_dropped_total", "counter", "values", ("service", "replica", "region", "reason"),
           "values left out of what was read: not_a_number, past_limit, other_bounds, too_coarse, not_mapped, not_json, too_long"),
)  # fmt: skip

SIGNALS: Mapping[str, Signal] = {signal.name: signal for signal in _ALL}
