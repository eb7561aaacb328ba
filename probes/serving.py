"""What the pages of each service say together: whether requests run, who owes a token, whether tokens are slow, its worst seconds. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from probes import latency
from probes.bursts import Bursts
from probes.config import Target
from probes.exposition import Samples
from probes.latency import RecentLatency
from probes.signals import PREFIX
from probes.watch import Watch

_RUNNING = f"{PREFIX}requests_running"
_TOKENS = (f"{PREFIX}prompt_tokens_total", f"{PREFIX}generated_tokens_total")


class Serving:
    """`bursts`: services whose worst ten seconds are kept."""

    def __init__(self, *, bursts: Sequence[str]) -> None:
        self.bursts = {service: Bursts() for service in bursts}
        self.stalled: dict[str, float] = {}  # by replica, seconds without a token
        self._running: dict[tuple[str, str], bool] = {}  # by service and target
        self._latency = RecentLatency()
        self._slow: set[str] = set()

    def page(self, now: float, watch: Watch) -> bool:
        """Takes an engine's page; whether its service passed R1's 130 ms per token just now."""
        service, samples, made = watch.target.service, watch.samples, watch.translator.made
        self._running[service, watch.target.name] = sum(samples[one] for one in made.get(_RUNNING, ())) > 0
        self.stalled[watch.target.label] = watch.feel(now)
        if found := latency.buckets(samples, made):
            self._latency.add(now=now, service=service, replica=watch.target.label, buckets=found)
        p95 = self._latency.p95(service, now=now)
        slow = p95 is not None and p95 > latency.SLOW_TOKEN_SECONDS
        crossed = slow and service not in self._slow
        (self._slow.add if slow else self._slow.discard)(service)
        return crossed

    def runs(self, service: str | None) -> bool:
        """Whether requests run on the service, or on any where service is None."""
        return any(runs for (owner, _), runs in self._running.items() if service in (None, owner))

    def lost(self, target: Target) -> None:
        """The target is down: what it said is no longer so."""
        self._running.pop((target.service, target.name), None)
        self.stalled.pop(target.label, None)

    def keep(self, targets: Sequence[Target]) -> None:
        """Forgets all but these."""
        names, labels = {target.name for target in targets}, {target.label for target in targets}
        self._running = {key: runs for key, runs in self._running.items() if key[1] in names}
        self.stalled = {label: seconds for label, seconds in self.stalled.items() if label in labels}
        self._latency.keep({(target.service, target.label) for target in targets})

    def samples(self) -> Samples:
        return {one: value for service, bursts in self.bursts.items() for one, value in bursts.samples(service).items()}


def tokens(watch: Watch) -> float | None:
    """The cumulative tokens of a page, prompt and generated; None where it counts neither."""
    made = watch.translator.made
    if not any(family in made for family in _TOKENS):
        return None
    return sum(watch.samples[one] for family in _TOKENS for one in made.get(family, ()))
