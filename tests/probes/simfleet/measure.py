"""Reads a fleet as a probe does: what came between two scrapes, over all replicas of a service."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from probes.exposition import Series
from probes.simfleet.fleet import Fleet, TargetDown

START = 1_795_910_400.0  # Sunday 2026-11-29 00:00 UTC
TTFT, ITL = "vllm:time_to_first_token_seconds", "vllm:inter_token_latency_seconds"
QUEUE, PREFILL, DECODE = (f"vllm:request_{part}_time_seconds" for part in ("queue", "prefill", "decode"))
STATUS = "litellm_proxy_total_requests_metric_total"
INPUT, OUTPUT = "litellm_input_tokens_metric_total", "litellm_output_tokens_metric_total"


def hours(number: float) -> float:
    return number * 3600.0


@dataclass
class Window:
    """Increments per (name, le, status, tenant); a series that fell has restarted and counts whole."""

    seconds: float
    grown: defaultdict[tuple[str, str, str, str], float] = field(default_factory=lambda: defaultdict(float))

    def total(self, name: str, *, status: str = "", tenant: str = "") -> float:
        return sum(
            value
            for (own, _, of_status, of_tenant), value in self.grown.items()
            if own == name and status in ("", of_status) and tenant in ("", of_tenant)
        )

    def quantile(self, family: str, q: float) -> float:
        points = sorted(
            (float(le), value) for (name, le, _, _), value in self.grown.items() if name == f"{family}_bucket"
        )
        wanted = q * points[-1][1]
        low, below = 0.0, 0.0
        for bound, count in points:
            if count >= wanted and count > below:
                return low if bound == float("inf") else low + (bound - low) * (wanted - below) / (count - below)
            low, below = bound, count
        raise AssertionError("no observations")

    def share_within(self, family: str, bound: str) -> float:
        return self.grown[f"{family}_bucket", bound, "", ""] / self.grown[f"{family}_bucket", "+Inf", "", ""]

    def mean(self, family: str) -> float:
        return self.total(f"{family}_sum") / self.total(f"{family}_count")


class Meter:
    def __init__(self, fleet: Fleet, service: str) -> None:
        self.fleet, self.service = fleet, service
        self._at = fleet.now
        self._last = self._read()

    def after(self, seconds: float) -> Window:
        """Advance, and what came meanwhile."""
        self.fleet.advance(self.fleet.now + seconds)
        return self.window()

    def window(self) -> Window:
        now, window = self._read(), Window(self.fleet.now - self._at)
        for key, value in now.items():
            target, one = key
            before = self._last.get((target, one), 0.0)
            grown = value - before if value >= before else value
            window.grown[
                one.name, one.label("le") or "", one.label("status_code") or "", one.label("team_alias") or ""
            ] += grown
        self._last, self._at = now, self.fleet.now
        return window

    def _read(self) -> dict[tuple[str, Series], float]:
        found: dict[tuple[str, Series], float] = {}
        for target in self.fleet.targets:
            if target.service != self.service or target.kind == "gpu":
                continue
            try:
                samples = self.fleet.scrape(target.name)
            except TargetDown:
                continue
            found |= {
                (target.name, one): value
                for one, value in samples.items()
                if not one.name.endswith("_created") and not one.name.startswith("process_")
            }
        return found
