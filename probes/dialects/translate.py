"""Raw series of one target to canonical ones: where each goes. Pure; an agent does it a page, the platform a Prometheus.

Labels that no rule takes over are dropped and their series combined. What only a configuration can say (tenants by attribution,
pages that several services share) comes in by `Says`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from operator import itemgetter
from typing import NamedTuple

from probes.dialects import Dialect, Rule
from probes.exposition import Labels, Samples, Series, bound
from probes.signals import OUTCOMES, PREFIX, REPLICA, SIGNALS

UNKNOWN = "unknown"
_START = f"{PREFIX}process_start_seconds"
_FINITE = 1e300


class Step(NamedTuple):
    """The value at `at` times `factor` goes to `series`; `combine` says how it joins what is there (None: it is the first).

    `blank`: a 0 is no value, the page says so where it has none.
    """

    at: int
    series: Series
    factor: float
    combine: str | None
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """What a target is; an empty model is the one that its series name. `joined`: GPU UUID to replica; `gpus_of`: whose the
    others are."""

    service: str
    replica: str
    model: str = ""
    version: str = UNKNOWN
    region: str = UNKNOWN
    joined: Mapping[str, str] = field(default_factory=dict)
    gpus_of: str = ""

    def labels(self, wanted: Collection[str]) -> Labels:
        """The labels a target gives its series, of those wanted; sorted."""
        own = {
            "service": self.service,
            "model": self.model or UNKNOWN,
            "version": self.version,
            "replica": self.replica,
            "region": self.region,
        }
        return tuple(sorted((name, value) for name, value in own.items() if name in wanted))


class Says:
    """What a configuration adds; this one has none."""

    def takes(self, rule: Rule) -> bool:
        """Usage by tenant needs something that tells tenants apart."""
        return "tenant" in dict(rule.labels) or not rule.signal.startswith("tenant_")

    def about(self, raw: Series) -> bool:
        """Whether a series is this target's."""
        return True

    def attribute(self, labels: dict[str, str], own: Mapping[str, str], wanted: Collection[str]) -> None:
        """Complete the canonical labels from the series' own."""


class _Source(NamedTuple):
    rule: Rule
    canonical: str
    model_label: str | None
    ranks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the values of one list of series go. `ranks` are positions that say the same thing, one for each rank; their highest
    follow the values themselves. The first `plain` steps take a value as it is, each to a series of its own: most do."""

    steps: tuple[Step, ...] = ()
    ranks: tuple[tuple[int, ...], ...] = ()
    zeros: Samples = field(default_factory=dict)
    model: str = ""
    plain: int = 0
    _plain_of: Callable[[Sequence[float]], tuple[float, ...]] = field(init=False, repr=False)
    _plain_series: tuple[Series, ...] = field(init=False, repr=False)
    _rest: tuple[Step, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        plain = self.steps[: self.plain]
        take = itemgetter(*(step.at for step in plain)) if self.plain > 1 else (lambda values: ())
        object.__setattr__(self, "_plain_of", take)
        object.__setattr__(self, "_plain_series", tuple(step.series for step in plain) if self.plain > 1 else ())
        object.__setattr__(self, "_rest", self.steps[self.plain :] if self.plain > 1 else self.steps)

    def read(self, values: Sequence[float]) -> tuple[Samples, list[Series]]:
        """The canonical samples of one reading, and the series that were no numbers."""
        out = self.zeros.copy()
        if self.ranks:
            values = [*values, *(max(values[at] for at in same) for same in self.ranks)]
        broken: list[Series] = []
        taken = self._plain_of(values)
        if all(map(isfinite, taken)) and min(taken, default=0) > -_FINITE and max(taken, default=0) < _FINITE:
            out.update(zip(self._plain_series, taken, strict=True))
            steps = self._rest
        else:
            steps = self.steps
        for at, one, factor, combine, blank in steps:
            if blank and not values[at]:
                continue
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
        return (whole(out, broken) if broken else out), broken


def plan(
    raw: Sequence[Series],
    *,
    origin: Origin,
    dialects: Iterable[Dialect],
    kind: str = "engine",
    without: Collection[str] = (),
    says: Says = Says(),  # noqa: B008 - it has no state
) -> Plan:
    """The plan of a target's series by the dialects that match it, but for the signals in `without`."""
    planner = _Planner(raw, origin, tuple(dialects), says)
    steps, ranks = planner.planned(without, starts=kind == "engine")
    zeros = outcomes(step.series for step in steps)
    several = Counter(step.series for step in steps)
    copied = [step.factor == 1.0 and several[step.series] == 1 and not step.blank for step in steps]
    plain = [step for step, is_plain in zip(steps, copied, strict=True) if is_plain]
    rest = [step for step, is_plain in zip(steps, copied, strict=True) if not is_plain]
    return Plan((*plain, *rest), ranks, zeros, planner.model, len(plain))


class _Planner:
    def __init__(self, raw: Sequence[Series], origin: Origin, dialects: tuple[Dialect, ...], says: Says) -> None:
        self._raw, self._origin, self._dialects, self._says = raw, origin, dialects, says
        self._names = {one.name for one in raw}
        self.model = origin.model or page_model(raw, dialects)

    def planned(
        self, without: Collection[str], *, starts: bool
    ) -> tuple[tuple[Step, ...], tuple[tuple[int, ...], ...]]:
        sources = self._sources(without)
        found: list[Step] = []
        begun: set[Series] = set()
        ranks: dict[tuple[Series, Series, int], list[int]] = {}

        def put(at: int, one: Series, source: _Source) -> None:
            combine = source.rule.combine if one in begun else None
            found.append(Step(at, one, _factor(source), combine, source.rule.blank))
            begun.add(one)

        for at, number, source in self._used(sources):
            raw = self._raw[at]
            one = self._series(raw, source)
            if source.ranks and any(name in source.ranks for name, _ in raw.labels):
                ranks.setdefault((one, raw.without(*source.ranks), number), []).append(at)
                continue
            put(at, one, source)
        for at, (one, raw, number) in enumerate(ranks, start=len(self._raw)):
            put(at, one, sources[raw.name][number])
        if starts and _START not in {one.name for one in begun}:
            found += self._created(sources)
        return tuple(found), tuple(tuple(same) for same in ranks.values())

    def _used(self, sources: Mapping[str, Sequence[_Source]]) -> Iterator[tuple[int, int, _Source]]:
        """Each series with each rule that takes it."""
        chosen: dict[tuple[str, int], str | None] = {}
        for at, raw in enumerate(self._raw):
            for number, source in enumerate(sources.get(raw.name, ())):
                rule = source.rule
                if source.canonical.endswith("_bucket") and raw.label("le") is None:
                    continue
                if not rule.about(raw) or not self._says.about(raw):
                    continue
                if rule.prefer is not None:
                    if (raw.name, number) not in chosen:
                        chosen[raw.name, number] = _preferred(rule, self._raw, raw.name)
                    if (value := chosen[raw.name, number]) is not None and raw.label(rule.prefer[0]) != value:
                        continue
                yield at, number, source

    def _created(self, sources: Collection[str]) -> Iterator[Step]:
        """Where no start time is told: the earliest `_created` of the families that are used. A label that is born later has a
        later one, so only a new process moves the earliest."""
        born = {name.removesuffix("_total").removesuffix("_count") + "_created" for name in sources}
        named = Origin(
            self._origin.service, self._origin.replica, self.model, self._origin.version, self._origin.region
        )
        start = Series(_START, named.labels(REPLICA))
        found = [at for at, raw in enumerate(self._raw) if raw.name in born]
        yield from (Step(at, start, 1.0, "min" if at != found[0] else None) for at in found)

    def _sources(self, without: Collection[str]) -> dict[str, list[_Source]]:
        """What each raw family becomes. A signal comes from the first dialect that gives it on this page."""
        sources: dict[str, list[_Source]] = {}
        given: set[str] = set()
        for dialect in self._dialects:
            here: set[str] = set()
            for rule in dialect.rules:
                if rule.signal in without or rule.signal in given or not self._says.takes(rule):
                    continue
                for raw_name, canonical in _chosen(rule, self._names, self._raw):
                    sources.setdefault(raw_name, []).append(
                        _Source(rule, canonical, dialect.model_label, dialect.ranks)
                    )
                    here.add(rule.signal)
            given |= here
        return sources

    def _series(self, raw: Series, source: _Source) -> Series:
        rule, own, origin = source.rule, dict(raw.labels), self._origin
        labels = dict(origin.labels(SIGNALS[rule.signal].labels))
        if "model" in labels and not origin.model:
            labels["model"] = own.get(source.model_label or "", self.model)
        if source.canonical.endswith("_bucket"):
            labels["le"] = own["le"] if rule.factor == 1.0 else bound(float(own["le"]) * rule.factor)
        for name, taken in rule.labels:
            labels[name] = "/".join(own[one] for one in taken if own.get(one)) or UNKNOWN
        if rule.reason is not None:
            labels[rule.reason.label] = rule.reason.of(*(own.get(name, "") for name in rule.reason.sources))
        if "gpu" in labels:
            board = origin.joined.get(labels["gpu"].partition("/")[0], origin.gpus_of or origin.replica)
            labels["replica"] = origin.joined.get(labels["gpu"], board)
        self._says.attribute(labels, own, SIGNALS[rule.signal].labels)
        return Series(source.canonical, tuple(sorted(labels.items())))


def whole(samples: Samples, broken: Iterable[Series]) -> Samples:
    """What had a value that is no number is absent, and a histogram as a whole: a sum without a part would run backwards."""
    gone = {_histogram(one) for one in broken}
    return {one: value for one, value in samples.items() if _histogram(one) not in gone}


def outcomes(made: Iterable[Series]) -> Samples:
    """Every outcome of what is counted by outcome, at 0: the page would show one that had happened, and a first error is an increment."""
    counted = {one for one in made if one.label("outcome") is not None}
    return {
        Series(one.name, tuple(sorted((*one.without("outcome").labels, ("outcome", outcome))))): 0.0
        for one in counted
        for outcome in OUTCOMES
    }


def page_model(raw: Iterable[Series], dialects: Iterable[Dialect]) -> str:
    """The one model that the series name; unknown where they name none or several."""
    labels = {dialect.model_label for dialect in dialects}
    found = {value for one in raw for label, value in one.labels if label in labels}
    return found.pop() if len(found) == 1 else UNKNOWN


def _chosen(rule: Rule, names: Collection[str], raw: Iterable[Series]) -> tuple[tuple[str, str], ...]:
    if any(_present(name, names, raw) for name in rule.unless):
        return ()
    for _family, parts in rule.names():
        if any(raw_name in names for raw_name, _canonical in parts):
            return parts
    return ()


def _present(name: str, names: Collection[str], raw: Iterable[Series]) -> bool:
    """`family`, or `family{label}`: a series of the family has that label."""
    family, brace, label = name.rstrip("}").partition("{")
    if not brace:
        return family in names
    return any(one.name == family and one.label(label) is not None for one in raw)


def _preferred(rule: Rule, raw: Iterable[Series], name: str) -> str | None:
    label, values = rule.prefer or ("", ())
    shown = {one.label(label) for one in raw if one.name == name}
    return next((value for value in values if value in shown), None)


def _factor(source: _Source) -> float:
    """Of a histogram the bounds and the sum have the unit, not the counts."""
    histogram = SIGNALS[source.rule.signal].kind == "histogram"
    return source.rule.factor if not histogram or source.canonical.endswith("_sum") else 1.0


def _histogram(one: Series) -> Series:
    """What stands or falls together: the parts of one histogram."""
    for part in ("_bucket", "_sum", "_count"):
        if one.name.endswith(part):
            return Series(one.name.removesuffix(part), one.without("le").labels)
    return one
