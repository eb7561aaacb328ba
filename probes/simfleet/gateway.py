"""A service's gateway: it sees what the engines cannot, failures and tenants, under LiteLLM's names and labels.

Names and labels as LiteLLM's proxy has them (litellm/types/integrations/prometheus.py; docs.litellm.ai/docs/proxy/prometheus).
Every status is there from the start with 0, so that a first failure is a step from 0 and not a series born with a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from probes.exposition import Page, Series, bound, series
from probes.simfleet.histogram import Histogram

if TYPE_CHECKING:
    from probes.simfleet.request import Request

LATENCY_BOUNDS = (
    0.005, 0.00625, 0.0125, 0.025, 0.05, 0.1, *(half / 2 for half in range(1, 21)), 15.0, 20.0, 25.0, 30.0, 60.0, 120.0,
    180.0, 240.0, 300.0,
)  # fmt: skip
OK = "200"
FAILURES = (
    ("408", "Hosted_vllm.Timeout"),
    ("429", "Hosted_vllm.RateLimitError"),
    ("500", "Hosted_vllm.InternalServerError"),
    ("503", "Hosted_vllm.ServiceUnavailableError"),
)
STATUSES = (OK, *(status for status, _ in FAILURES))
OUTCOMES = {"200": "ok", "408": "timeout", "429": "rejected", "500": "error", "503": "error"}
TOTAL = "litellm_proxy_total_requests_metric"
FAILED = "litellm_proxy_failed_requests_metric"
INPUT, OUTPUT, ALL = "litellm_input_tokens_metric", "litellm_output_tokens_metric", "litellm_total_tokens_metric"
LATENCY = "litellm_request_total_latency_metric"
IN_FLIGHT = "litellm_in_flight_requests"
STARTED = "process_start_time_seconds"


def _types() -> dict[str, str]:
    types = {STARTED: "gauge", IN_FLIGHT: "gauge", LATENCY: "histogram", f"{LATENCY}_created": "gauge"}
    for name in (TOTAL, FAILED, INPUT, OUTPUT, ALL):
        types |= {f"{name}_total": "counter", f"{name}_created": "gauge"}
    return types


TYPES = _types()


class Gateway:
    """Counts by tenant; answered requests are kept and folded in at a scrape."""

    def __init__(self, *, service: str, model: str, tenants: Sequence[str], started: float) -> None:
        self.started = started
        self.arrived = 0
        self.statuses = [[0] * len(tenants) for _ in STATUSES]
        self.answered: list[Request] = []
        self.prompt_tokens = [0] * len(tenants)
        self.generated_tokens = [0] * len(tenants)
        self._latency = [Histogram(LATENCY_BOUNDS) for _ in tenants]
        self._keys = tuple(_keys(service, model, tenants))

    def fail(self, status: str, tenant: int) -> None:
        self.statuses[STATUSES.index(status)][tenant] += 1

    def outcomes(self) -> dict[str, int]:
        """Requests by outcome since the start: ok, error, timeout, rejected."""
        self._fold()
        totals = dict.fromkeys(OUTCOMES.values(), 0)
        for status, counts in zip(STATUSES, self.statuses, strict=True):
            totals[OUTCOMES[status]] += sum(counts)
        return totals

    def samples(self, *, in_flight: int) -> Page:
        self._fold()
        values: list[float] = [self.started, in_flight]
        for tenant, latency in enumerate(self._latency):
            counts = [row[tenant] for row in self.statuses]
            tokens_in, tokens_out = self.prompt_tokens[tenant], self.generated_tokens[tenant]
            values += counts
            values += [self.started] * len(counts)
            values += counts[1:]
            values += [self.started] * (len(counts) - 1)
            values += (tokens_in, tokens_out, tokens_in + tokens_out)
            values += (self.started,) * 3
            cumulative = list(accumulate(latency.counts))
            values += cumulative
            values += (cumulative[-1], latency.total, self.started)
        return Page(self._keys, values)

    def _fold(self) -> None:
        answered = self.answered
        if not answered:
            return
        self.answered = []
        ok = self.statuses[0]
        latencies: list[list[float]] = [[] for _ in self._latency]
        for request in answered:
            tenant = request.tenant
            ok[tenant] += 1
            self.prompt_tokens[tenant] += request.prompt
            self.generated_tokens[tenant] += request.generated
            latencies[tenant].append(request.finished - request.arrived)
        for histogram, values in zip(self._latency, latencies, strict=True):
            histogram.add(values)


def _keys(service: str, model: str, tenants: Sequence[str]) -> list[Series]:
    keys = [series(STARTED), series(IN_FLIGHT)]
    for tenant in tenants:
        who = {
            "end_user": "None",
            "hashed_api_key": f"{service}-{tenant}".encode().hex()[:16],
            "api_key_alias": f"{tenant}-key",
            "team": f"{service}-{tenant}",
            "team_alias": tenant,
            "user": "default_user_id",
            "requested_model": model,
        }
        for suffix in ("total", "created"):
            keys += [series(f"{TOTAL}_{suffix}", **who, status_code=status) for status in STATUSES]
        for suffix in ("total", "created"):
            keys += [
                series(f"{FAILED}_{suffix}", **who, exception_status=status, exception_class=name)
                for status, name in FAILURES
            ]
        who["model"] = model
        for suffix in ("total", "created"):
            keys += [series(f"{name}_{suffix}", **who) for name in (INPUT, OUTPUT, ALL)]
        keys += [series(f"{LATENCY}_bucket", **who, le=bound(edge)) for edge in (*LATENCY_BOUNDS, float("inf"))]
        keys += [series(f"{LATENCY}_{part}", **who) for part in ("count", "sum", "created")]
    return keys
