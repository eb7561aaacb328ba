"""The targets that one probe watches. One that stays as it was keeps its state; one that goes takes its series with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from probes import naming
from probes.attribution import Attributor
from probes.config import Target
from probes.exposition import Samples
from probes.replica import Translator
from probes.tally import Tally
from probes.watch import Watch

REASONS = (
    "connect", "tls", "redirect", "status", "timeout", "truncated", "too_large", "encoding", "malformed",
)  # fmt: skip
_DROPPED = ("not_a_number", "past_limit")


class Watchlist:
    """`tally` gets the probe's own counters about each target."""

    def __init__(self, *, attributor: Attributor, tally: Tally) -> None:
        self._attributor, self._tally = attributor, tally
        self._watches: dict[str, Watch] = {}

    def __iter__(self) -> Iterator[Watch]:
        return iter(list(self._watches.values()))

    def get(self, target: Target) -> Watch | None:
        return self._watches.get(target.name)

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(watch.target for watch in self._watches.values())

    def take(self, targets: Sequence[Target], *, joined: Mapping[str, str]) -> None:
        """Takes over a set of targets. `joined`: GPU to replica."""
        gateways = {target.service for target in targets if target.kind == "gateway"}
        fresh: dict[str, Watch] = {}
        for target in targets:
            without = {"requests_total"} if target.kind == "engine" and target.service in gateways else set()
            translator = Translator(target, without=without, joined=joined, attributor=self._attributor)
            kept = self._watches.get(target.name)
            if kept is not None and kept.translator.same(translator):
                fresh[target.name] = kept
                continue
            fresh[target.name] = Watch(target, translator)
            for reason in REASONS:
                self._tally.add("probe_scrape_failures_total", naming.with_reason(naming.own(target), reason), 0.0)
        gone = [watch.target for name, watch in self._watches.items() if name not in fresh]
        self._watches = fresh
        shown = {naming.own(target) for target in targets}  # one that was only renamed goes on under the same labels
        for target in gone:
            if naming.own(target) not in shown:
                self._forget(target)

    def _forget(self, target: Target) -> None:
        self._tally.drop("probe_scrape_seconds", naming.own(target))
        for reason in (*REASONS, "internal", *_DROPPED):
            for name in ("probe_scrape_failures_total", "probe_values_dropped_total"):
                self._tally.drop(name, naming.with_reason(naming.own(target), reason))

    def count_dropped(self, watch: Watch) -> None:
        """Values that the page had and that were left out of it."""
        dropped = watch.translator.dropped
        dropped["past_limit"] += self._attributor.past_limit
        self._attributor.past_limit = 0
        for what, count in dropped.items():
            if count:
                self._tally.add("probe_values_dropped_total", naming.with_reason(watch.labels, what), count)
        dropped.clear()

    def failed(self, watch: Watch, reason: str, detail: str) -> None:
        watch.up, watch.samples, watch.recent, watch.detail = False, {}, {}, detail
        self._tally.add("probe_scrape_failures_total", naming.with_reason(watch.labels, reason))

    def samples(self) -> Samples:
        out: Samples = {}
        for watch in self._watches.values():
            out.update(watch.samples)
            if watch.up is not None:
                out[naming.up(watch.target)] = 1.0 if watch.up else 0.0
        return out
