"""One target's raw samples to canonical series. Pure.

A translator remembers where each raw series goes, so a repeated scrape is one look-up a series; it plans anew when names
appear or vanish. Labels that no rule takes over are dropped and their series combined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from probes import attribution, dialects
from probes.attribution import Attributor
from probes.config import UNKNOWN, Target
from probes.dialects import Dialect, Rule
from probes.exposition import Labels, Page, Samples, Series, bound
from probes.signals import OUTCOMES, PREFIX, REPLICA, SIGNALS
from probes.spread import UNJOINED

_FINITE = 1e300

_Step = tuple[
    int, Series, float, str | None
]  # position, canonical series, factor, how it joins what is there (None: first)


_START = f"{PREFIX}process_start_seconds"


class _Source(NamedTuple):
    rule: Rule
    canonical: str
    model_label: str | None
    ranks: tuple[str, ...]


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
        self._attributor = attributor or Attributor()
        self.dropped: Counter[str] = Counter()  # values left out, by reason; who exports them takes them
        self._known = dialects.shipped() if known is None else known
        self._joined = dict(joined or {})  # GPU UUID to replica
        self._seen: tuple[Series, ...] = ()
        self._plan: tuple[_Step, ...] = ()
        self._ranks: tuple[tuple[int, ...], ...] = ()  # positions that say the same thing, one for each rank
        self._zeros: Samples = {}
        self._made: dict[str, tuple[Series, ...]] = {}
        self.made: dict[str, tuple[Series, ...]] = {}  # the canonical series of the latest page, by name
        self.plans = 0  # grows whenever series appeared or vanished
        self._model = target.model
        self.dialects: tuple[Dialect, ...] = ()

    def same(self, other: Translator) -> bool:
        return (self.target, self.without, self._joined) == (other.target, other.without, other._joined)

    @property
    def labels(self) -> Labels:
        """The replica's own, with the model that the latest page named where the config does not."""
        return target_labels(replace(self.target, model=self._model), REPLICA)

    def canonical(self, samples: Mapping[Series, float]) -> Samples:
        page = samples if isinstance(samples, Page) else Page(tuple(samples), tuple(samples.values()))
        if page.series is not self._seen and page.series != self._seen:
            self._plan = tuple(self._planned(samples))
            self._zeros = _outcomes(one for _, one, _, _ in self._plan)
            self.plans += 1
            self._made = {}
            for one in dict.fromkeys(one for _, one, _, _ in self._plan):
                self._made[one.name] = (*self._made.get(one.name, ()), one)
        self._seen, self.made = page.series, self._made
        values = page.row
        if self._ranks:
            values = [*values, *(max(values[at] for at in same) for same in self._ranks)]
        out = self._zeros.copy()
        broken: list[Series] = []
        for at, one, factor, combine in self._plan:
            value = values[at] * factor if factor != 1.0 else values[at]
            if not -_FINITE < value < _FINITE:
                broken.append(one)
                continue
            if combine is None or one not in out:
                out[one] = value
            elif combine == "sum":
                out[one] += value
            else:
                out[one] = max(out[one], value) if combine == "max" else min(out[one], value)
        return self._without(out, broken) if broken else out

    def _without(self, out: Samples, broken: list[Series]) -> Samples:
        """What had a value that is no number is absent, and a histogram as a whole: a sum without a part would run backwards."""
        self.dropped["not_a_number"] += len(broken)
        gone = {_whole(one) for one in broken}
        kept = {one: value for one, value in out.items() if _whole(one) not in gone}
        self.made = {name: tuple(one for one in made if one in kept) for name, made in self._made.items()}
        return kept

    def _planned(self, samples: Mapping[Series, float]) -> Iterator[_Step]:
        names = {raw.name for raw in samples}
        self.dialects = dialects.matching(names, self._known)
        self._model = self.target.model or self._model_of(samples)
        sources = self._sources(samples, names)
        begun: set[Series] = set()
        ranks: dict[tuple[Series, Series, int], list[int]] = {}
        chosen: dict[tuple[str, int], str | None] = {}
        for at, raw in enumerate(samples):
            for number, source in enumerate(sources.get(raw.name, ())):
                rule = source.rule
                if source.canonical.endswith("_bucket") and raw.label("le") is None:
                    continue
                if not rule.about(raw) or not _selected(self.target, raw):
                    continue
                if rule.prefer is not None:
                    if (raw.name, number) not in chosen:
                        chosen[raw.name, number] = _preferred(rule, samples, raw.name)
                    if (value := chosen[raw.name, number]) is not None and raw.label(rule.prefer[0]) != value:
                        continue
                one = self._series(raw, source)
                if source.ranks and any(name in source.ranks for name, _ in raw.labels):
                    ranks.setdefault((one, raw.without(*source.ranks), number), []).append(at)
                    continue
                yield at, one, _factor(source), rule.combine if one in begun else None
                begun.add(one)
        self._ranks = tuple(tuple(same) for same in ranks.values())
        for at, (one, raw, number) in enumerate(ranks, start=len(samples)):
            source = sources[raw.name][number]
            yield at, one, _factor(source), source.rule.combine if one in begun else None
            begun.add(one)
        if self.target.kind == "engine" and _START not in {one.name for one in begun}:
            yield from self._created(samples, sources)

    def _created(self, samples: Mapping[Series, float], sources: Collection[str]) -> Iterator[_Step]:
        """Where no start time is told: the earliest `_created` of the families that are used. A label that is born later has a
        later one, so only a new process moves the earliest."""
        born = {name.removesuffix("_total").removesuffix("_count") + "_created" for name in sources}
        start = Series(_START, self.labels)
        found = [at for at, raw in enumerate(samples) if raw.name in born]
        yield from ((at, start, 1.0, "min" if at != found[0] else None) for at in found)

    def _sources(self, samples: Mapping[Series, float], names: Collection[str]) -> dict[str, list[_Source]]:
        """What each raw family becomes. A signal comes from the first dialect that gives it on this page."""
        sources: dict[str, list[_Source]] = {}
        given: set[str] = set()
        for dialect in self.dialects:
            here: set[str] = set()
            for rule in dialect.rules:
                if rule.signal in self.without or rule.signal in given or not self._attributed(rule):
                    continue
                for raw_name, canonical in _chosen(rule, names, samples):
                    sources.setdefault(raw_name, []).append(
                        _Source(rule, canonical, dialect.model_label, dialect.ranks)
                    )
                    here.add(rule.signal)
            given |= here
        return sources

    def _attributed(self, rule: Rule) -> bool:
        """Usage by tenant needs something that tells tenants apart."""
        told = bool(self._attributor.takes("tenant", "labels")) or "tenant" in dict(rule.labels)
        return told or not rule.signal.startswith("tenant_")

    def _model_of(self, samples: Mapping[Series, float]) -> str:
        """The one model that the page names; unknown where it names none or several."""
        labels = {dialect.model_label for dialect in self.dialects}
        found = {value for raw in samples for label, value in raw.labels if label in labels}
        return found.pop() if len(found) == 1 else UNKNOWN

    def _series(self, raw: Series, source: _Source) -> Series:
        rule, own = source.rule, dict(raw.labels)
        labels = dict(target_labels(self.target, SIGNALS[rule.signal].labels))
        if "model" in labels and not self.target.model:
            labels["model"] = own.get(source.model_label or "", self._model)
        if source.canonical.endswith("_bucket"):
            labels["le"] = own["le"] if rule.factor == 1.0 else bound(float(own["le"]) * rule.factor)
        for name, taken in rule.labels:
            labels[name] = "/".join(own[one] for one in taken if own.get(one)) or UNKNOWN
        if rule.reason is not None:
            labels[rule.reason.label] = rule.reason.of(*(own.get(name, "") for name in rule.reason.sources))
        if "gpu" in labels:
            mine = self.target.replica or UNJOINED
            board = self._joined.get(labels["gpu"].partition("/")[0], mine)
            labels["replica"] = self._joined.get(labels["gpu"], board)
        self._attribute(labels, own, SIGNALS[rule.signal].labels)
        return Series(source.canonical, tuple(sorted(labels.items())))

    def _attribute(self, labels: dict[str, str], own: Mapping[str, str], wanted: Collection[str]) -> None:
        """Tenant always where the signal has one, tag where the configuration takes one, region else the target's."""
        for dimension in attribution.DIMENSIONS:
            if dimension not in wanted:
                continue
            names = self._attributor.takes(dimension, "labels")
            if names and (dimension != "region" or any(not attribution.nobody(own.get(name)) for name in names)):
                labels[dimension] = self._attributor.of(dimension, own, names)
            elif dimension == "tenant":
                labels[dimension] = self._attributor.shown(dimension, labels.get(dimension, ""))


def _outcomes(made: Iterable[Series]) -> Samples:
    """Every outcome of what is counted by outcome, at 0: the page would show one that had happened, and a first error is an increment."""
    counted = {one for one in made if one.label("outcome") is not None}
    return {
        Series(one.name, tuple(sorted((*one.without("outcome").labels, ("outcome", outcome))))): 0.0
        for one in counted
        for outcome in OUTCOMES
    }


def target_labels(target: Target, wanted: Collection[str]) -> Labels:
    """The labels a target gives its series, of those wanted; sorted."""
    own = {
        "service": target.service,
        "model": target.model or UNKNOWN,
        "version": target.version,
        "replica": target.label,
        "region": target.region,
    }
    return tuple(sorted((name, value) for name, value in own.items() if name in wanted))


def _chosen(rule: Rule, names: Collection[str], samples: Mapping[Series, float]) -> tuple[tuple[str, str], ...]:
    if any(_present(name, names, samples) for name in rule.unless):
        return ()
    for _family, parts in rule.names():
        if any(raw in names for raw, _canonical in parts):
            return parts
    return ()


def _present(name: str, names: Collection[str], samples: Mapping[Series, float]) -> bool:
    """`family`, or `family{label}`: a series of the family has that label."""
    family, brace, label = name.rstrip("}").partition("{")
    if not brace:
        return family in names
    return any(one.name == family and one.label(label) is not None for one in samples)


def _preferred(rule: Rule, samples: Mapping[Series, float], name: str) -> str | None:
    label, values = rule.prefer or ("", ())
    shown = {one.label(label) for one in samples if one.name == name}
    return next((value for value in values if value in shown), None)


def _selected(target: Target, raw: Series) -> bool:
    """A page that several services share: series with another value of the label are not this target's."""
    return all(raw.label(label) in (None, *values) for label, values in target.only)


def _factor(source: _Source) -> float:
    """Of a histogram the bounds and the sum have the unit, not the counts."""
    histogram = SIGNALS[source.rule.signal].kind == "histogram"
    return source.rule.factor if not histogram or source.canonical.endswith("_sum") else 1.0


def _whole(one: Series) -> Series:
    """What stands or falls together: the parts of one histogram."""
    for part in ("_bucket", "_sum", "_count"):
        if one.name.endswith(part):
            return Series(one.name.removesuffix(part), one.without("le").labels)
    return one
