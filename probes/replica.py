"""One target's raw samples to canonical series. Pure.

A translator remembers where each raw series goes, so a repeated scrape is one look-up a series; it plans anew when names
appear or vanish. Labels that no rule takes over are dropped and their series combined.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from probes import dialects
from probes.config import UNKNOWN, Target
from probes.dialects import Dialect, Rule
from probes.exposition import Labels, Page, Samples, Series
from probes.signals import OUTCOMES, SIGNALS

_Step = tuple[
    int, Series, float, str | None
]  # position, canonical series, factor, how it joins what is there (None: first)


class _Source(NamedTuple):
    rule: Rule
    canonical: str
    model_label: str | None


class Translator:
    """`without`: signals that another target gives better (an engine's requests_total, where a gateway counts)."""

    def __init__(
        self,
        target: Target,
        *,
        without: Collection[str] = (),
        known: tuple[Dialect, ...] | None = None,
        joined: Mapping[str, str] | None = None,
    ) -> None:
        self.target, self.without = target, frozenset(without)
        self._known = dialects.shipped() if known is None else known
        self._joined = dict(joined or {})  # GPU UUID to replica
        self._seen: tuple[Series, ...] = ()
        self._plan: tuple[_Step, ...] = ()
        self._zeros: Samples = {}
        self.made: dict[str, tuple[Series, ...]] = {}  # the canonical series of the latest page, by name
        self.plans = 0  # grows whenever series appeared or vanished
        self._model = target.model
        self.dialects: tuple[Dialect, ...] = ()

    def same(self, other: Translator) -> bool:
        return (self.target, self.without, self._joined) == (other.target, other.without, other._joined)

    def canonical(self, samples: Mapping[Series, float]) -> Samples:
        page = samples if isinstance(samples, Page) else Page(tuple(samples), tuple(samples.values()))
        if page.series is not self._seen and page.series != self._seen:
            self._plan = tuple(self._planned(samples))
            self._zeros = _outcomes(one for _, one, _, _ in self._plan)
            self.plans += 1
            self.made = {}
            for one in dict.fromkeys(one for _, one, _, _ in self._plan):
                self.made[one.name] = (*self.made.get(one.name, ()), one)
        self._seen = page.series
        values = page.row
        out = self._zeros.copy()
        for at, one, factor, combine in self._plan:
            value = values[at] * factor if factor != 1.0 else values[at]
            if combine is None:
                out[one] = value
            elif combine == "sum":
                out[one] += value
            else:
                out[one] = max(out[one], value) if combine == "max" else min(out[one], value)
        return out

    def _planned(self, samples: Mapping[Series, float]) -> Iterator[_Step]:
        names = {raw.name for raw in samples}
        self.dialects = dialects.matching(names, self._known)
        self._model = self.target.model or self._model_of(samples)
        sources: dict[str, list[_Source]] = {}
        for dialect in self.dialects:
            for rule in dialect.rules:
                for raw_name, canonical in _chosen(rule, names) if rule.signal not in self.without else ():
                    found = sources.setdefault(raw_name, [])
                    if all(one.rule.signal != rule.signal for one in found):  # two dialects may share a generic name
                        found.append(_Source(rule, canonical, dialect.model_label))
        begun: set[Series] = set()
        for at, raw in enumerate(samples):
            for source in sources.get(raw.name, ()):
                if source.canonical.endswith("_bucket") and raw.label("le") is None:
                    continue
                one = self._series(raw, source)
                yield at, one, source.rule.factor, source.rule.combine if one in begun else None
                begun.add(one)

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
            labels["le"] = own["le"]
        for name, taken in rule.labels:
            labels[name] = "/".join(own[one] for one in taken if own.get(one)) or UNKNOWN
        if rule.reason is not None:
            labels[rule.reason.label] = rule.reason.of(own.get(rule.reason.source or "", ""))
        if "gpu" in labels:
            labels["replica"] = self._joined.get(labels["gpu"].partition("/")[0], labels.get("replica", UNKNOWN))
        return Series(source.canonical, tuple(sorted(labels.items())))


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


def _chosen(rule: Rule, names: Collection[str]) -> tuple[tuple[str, str], ...]:
    if any(name in names for name in rule.unless):
        return ()
    for _family, parts in rule.names():
        if any(raw in names for raw, _canonical in parts):
            return parts
    return ()
