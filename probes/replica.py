"""One target's raw samples to canonical series. Pure.

A translator remembers where each raw series goes, so a repeated scrape is one look-up a series; it plans anew when names
appear or vanish. Labels that no rule takes over are dropped and their series combined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from probes import attribution, dialects
from probes.attribution import Attributor
from probes.config import Target
from probes.dialects import Dialect, Rule
from probes.dialects.translate import Origin, Plan, Says, plan
from probes.exposition import Labels, Page, Samples, Series
from probes.signals import REPLICA
from probes.spread import UNJOINED


class Translator:
    """`without`: signals that another target gives better (an engine's requests_total, where a gateway counts)."""

    def __init__(
        self,
        target: Target,
        *,
        without: Collection[str] = (),
        known: tuple[Dialect, ...] | None = None,
        joined: Mapping[str, str] | None = None,
        attributor: Attributor | None = None,
    ) -> None:
        self.target, self.without = target, frozenset(without)
        self.dropped: Counter[str] = Counter()  # values left out, by reason; who exports them takes them
        self._says = _Configured(target, attributor or Attributor())
        self._known = dialects.shipped() if known is None else known
        self._joined = dict(joined or {})  # GPU UUID to replica
        self._seen: tuple[Series, ...] = ()
        self._plan = Plan(model=target.model)
        self._made: dict[str, tuple[Series, ...]] = {}
        self.made: dict[str, tuple[Series, ...]] = {}  # the canonical series of the latest page, by name
        self.plans = 0  # grows whenever series appeared or vanished
        self.dialects: tuple[Dialect, ...] = ()

    def same(self, other: Translator) -> bool:
        return (self.target, self.without, self._joined) == (other.target, other.without, other._joined)

    @property
    def labels(self) -> Labels:
        """The replica's own, with the model that the latest page named where the config does not."""
        return target_labels(replace(self.target, model=self._plan.model), REPLICA)

    def canonical(self, samples: Mapping[Series, float]) -> Samples:
        page = samples if isinstance(samples, Page) else Page(tuple(samples), tuple(samples.values()))
        if page.series is not self._seen and page.series != self._seen:
            self._plan = self._planned(page.series)
            self.plans += 1
            self._made = {}
            for one in dict.fromkeys(step.series for step in self._plan.steps):
                self._made[one.name] = (*self._made.get(one.name, ()), one)
        self._seen, self.made = page.series, self._made
        out, broken = self._plan.read(page.row)
        if broken:
            self.dropped["not_a_number"] += len(broken)
            self.made = {name: tuple(one for one in made if one in out) for name, made in self._made.items()}
        return out

    def _planned(self, raw: tuple[Series, ...]) -> Plan:
        target = self.target
        self.dialects = dialects.matching({one.name for one in raw}, self._known)
        origin = replace(_origin(target), joined=self._joined, gpus_of=target.replica or UNJOINED)
        return plan(raw, origin=origin, dialects=self.dialects, kind=target.kind, without=self.without, says=self._says)


class _Configured(Says):
    """What probes.yaml says about a target: whose series of a shared page are its own, and who uses it."""

    def __init__(self, target: Target, attributor: Attributor) -> None:
        self._target, self._attributor = target, attributor

    def takes(self, rule: Rule) -> bool:
        return bool(self._attributor.takes("tenant", "labels")) or super().takes(rule)

    def about(self, raw: Series) -> bool:
        """A page that several services share: series with another value of the label are not this target's."""
        return all(raw.label(label) in (None, *values) for label, values in self._target.only)

    def attribute(self, labels: dict[str, str], own: Mapping[str, str], wanted: Collection[str]) -> None:
        """Tenant always where the signal has one, tag where the configuration takes one, region else the target's."""
        for dimension in attribution.DIMENSIONS:
            if dimension not in wanted:
                continue
            names = self._attributor.takes(dimension, "labels")
            if names and (dimension != "region" or any(not attribution.nobody(own.get(name)) for name in names)):
                labels[dimension] = self._attributor.of(dimension, own, names)
            elif dimension == "tenant":
                labels[dimension] = self._attributor.shown(dimension, labels.get(dimension, ""))


def target_labels(target: Target, wanted: Collection[str]) -> Labels:
    """The labels a target gives its series, of those wanted; sorted."""
    return _origin(target).labels(wanted)


def _origin(target: Target) -> Origin:
    return Origin(target.service, target.label, target.model, target.version, target.region)
