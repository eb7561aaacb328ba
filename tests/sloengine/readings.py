"""Readings made by hand: a small fleet whose every request is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from probes.exposition import Samples, Series, series

BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1.0", "+Inf")
HISTOGRAMS = (
    "ttft_seconds",
    "inter_token_seconds",
    "e2e_seconds",
    "queue_seconds",
    "prefill_seconds",
    "decode_seconds",
)


@dataclass
class Replica:
    """One engine; `serve` adds requests that all took the same time."""

    name: str
    service: str = "chat"
    version: str = "1"
    start: float = 0.0
    bounds: tuple[str, ...] = BOUNDS
    running: float = 1.0
    histograms: tuple[str, ...] = ("ttft_seconds", "e2e_seconds")
    counts: Samples = field(default_factory=dict)

    def serve(self, number: int, *, seconds: float = 0.1, outcome: str = "ok") -> None:
        self._add("requests_total", number, outcome=outcome)
        self._add("generated_tokens_total", 10 * number)
        for name in self.histograms:
            for bound in self.bounds:
                self._add(f"{name}_bucket", number if seconds <= float(bound) else 0, le=bound)
            self._add(f"{name}_sum", number * seconds)
            self._add(f"{name}_count", number)

    def restart(self, at: float, *, version: str = "") -> None:
        self.counts, self.start = {}, at
        self.version = version or self.version

    def samples(self) -> Samples:
        return {
            **self.counts,
            self._named("requests_running"): self.running,
            self._named("target_up"): 1.0,
            self._named("process_start_seconds"): self.start,
            self._named("config_info", config_hash=f"hash-{self.version}"): 1.0,
        }

    def _add(self, name: str, number: float, **labels: str) -> None:
        key = self._named(name, **labels)
        self.counts[key] = self.counts.get(key, 0.0) + number

    def _named(self, name: str, **labels: str) -> Series:
        mine = {"service": self.service, "model": "m", "version": self.version, "replica": self.name, "region": "eu"}
        return series(f"tailwatch_{name}", **mine, **labels)


def together(*replicas: Replica) -> Samples:
    found: Samples = {series("tailwatch_probe_start_seconds"): 0.0}
    for one in replicas:
        found.update(one.samples())
    return found
