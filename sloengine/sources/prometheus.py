"""A Prometheus server (or Thanos, Mimir, VictoriaMetrics) as a source.

Plain selectors only, all at one time: an instant query at the tick tells the past as well as the present, as far as the server's
retention goes, and a range query gives many ticks at once. A source whose one question fails gives nothing: it is caught up
whole, later. Only a name that the server can never answer for is left out, and said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from probes.exposition import Labels, Samples, Series, bound
from probes.signals import PREFIX, SIGNALS
from sloengine.sources import selectors
from sloengine.sources.base import Fault, Reading, SourceUnavailable
from sloengine.sources.connection import Access, Connection
from sloengine.sources.engines import Found, Naming, Translator, own_names, target_of
from sloengine.sources.flavours import MOST_POINTS, Flavour
from sloengine.sources.selectors import MOST_SERIES, Question
from sloengine.sources.vector import Vectors

#: Shown on pages about one replica; the rollups never ask for it, and it has a series a field.
NOT_NEEDED: Final = frozenset(
    {"config_field_info", "config_source_info"} | {name for name in SIGNALS if name.startswith("latency_")}
)
FAMILIES: Final = tuple(sorted(name for name in SIGNALS if name not in NOT_NEEDED))
#: Samples that one range query may return. Prometheus refuses 50 million in memory; 2 million are 40 MB of JSON.
MOST_SAMPLES: Final = 2_000_000
_REMEMBERED: Final = 200_000


class PrometheusSource:
    """Readings of the canonical families a probe's targets left in a Prometheus, or, with `naming`, of the engines' own series.

    `bounds` by family narrows histograms to these buckets; `matchers` (cluster="eu",namespace=~"llm.*") narrows everything. With
    `summed` the server sums counters over its targets, which only canonical series know how to be: they name their service.
    """

    reads_past = True

    def __init__(
        self,
        url: str,
        *,
        access: Access = Access(),  # noqa: B008 - frozen
        flavour: Flavour = Flavour.PROMETHEUS,
        families: Collection[str] = FAMILIES,
        naming: Naming | None = None,
        bounds: Mapping[str, Collection[float]] | None = None,
        matchers: str = "",
        summed: bool = False,
        most_series: int = MOST_SERIES,
        most_samples: int = MOST_SAMPLES,
    ) -> None:
        if summed and naming is not None:
            raise SourceUnavailable(
                "sums by the server need a probe's series in it; it has engines' own", Fault.BAD_QUERY
            )
        self.connection = Connection(url, access=access, flavour=flavour)
        self._summed = summed
        self._matchers, self._most_series, self._most_samples = matchers, most_series, most_samples
        self._general: tuple[str, ...] = ()
        self._translator: Translator | None = None
        self._jobs: set[str] = set()
        if naming is None:
            self._names = selectors.names_of(families)
            raw = {f"{PREFIX}{family}_bucket": wanted for family, wanted in (bounds or {}).items()}
        else:
            self._translator = Translator(naming)
            self._names, self._general = own_names(naming.known(), wanted=families)
            self._jobs = set(naming.jobs)
            raw = dict(_raw_bounds(naming, bounds or {}))
        self._bounds = raw
        self._questions: list[Question] | None = None
        self._counts: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._vectors: dict[Question, Vectors] = {}
        self._known: dict[tuple[tuple[str, str], ...], Series] = {}

    @property
    def found(self) -> tuple[Found, ...]:
        """The targets that the last reading showed, where engines' own series are read."""
        return self._translator.found if self._translator is not None else ()

    def read(self, at: datetime) -> Reading:
        """The reading at `at`; raises SourceUnavailable."""
        raw: Samples = {}
        warnings: list[str] = []
        self._each(self._planned(), lambda asked: self._instant(asked, at, raw, warnings), warnings)
        if self._translator is not None:
            self._each(self._general_questions(raw), lambda asked: self._instant(asked, at, raw, warnings), warnings)
        self._learn(raw)
        return self._reading(at, raw, warnings)

    def read_range(self, instants: Sequence[datetime]) -> Iterator[Reading]:
        """A reading for each of these evenly spaced instants, oldest first, in as few questions as the limits allow."""
        if len(instants) < 2:
            yield from (self.read(at) for at in instants)
            return
        step = instants[1] - instants[0]
        begin = 0
        while begin < len(instants):
            size = min(MOST_POINTS[self.connection.flavour] - 1, self._most_samples // max(self._counts.total(), 200))
            chunk = instants[begin : begin + max(size, 1)]
            begin += len(chunk)
            yield from self._chunk(chunk, step)

    def ask(self, query: str, *, at: datetime) -> list[tuple[Labels, float]]:
        """The answer to a query of the user's own, as (labels, value); raises SourceUnavailable with the server's reason."""
        data = self.connection.instant(query, at=at).get("data") or {}
        if data.get("resultType") == "scalar":
            return [((), float(data["result"][1]))]
        if data.get("resultType") != "vector":
            raise SourceUnavailable(f"the query gives a {data.get('resultType')}, expected a vector or a scalar")
        rows = (row for row in data["result"] if "value" in row)
        return [(tuple(sorted(row["metric"].items())), float(row["value"][1])) for row in rows]

    def ask_range(self, query: str, *, instants: Sequence[datetime]) -> list[list[tuple[Labels, float]]]:
        """What `ask` would say at each of these evenly spaced instants, in one question."""
        step = (instants[1] - instants[0]).total_seconds() if len(instants) > 1 else 1.0
        envelope = self.connection.range(query, start=instants[0], end=instants[-1], step_seconds=step)
        found: dict[int, list[tuple[Labels, float]]] = {round(at.timestamp()): [] for at in instants}
        for row in _rows(envelope, "matrix", []):
            labels = tuple(sorted(row["metric"].items()))
            for at, value in row.get("values", ()):
                found[round(at)].append((labels, float(value)))
        return list(found.values())

    def close(self) -> None:
        self.connection.close()

    def _chunk(self, instants: Sequence[datetime], step: timedelta) -> Iterator[Reading]:
        rows: dict[datetime, Samples] = {at: {} for at in instants}
        by_second = {round(at.timestamp()): samples for at, samples in rows.items()}
        warnings: list[str] = []

        def ask(asked: Question) -> None:
            self._range(asked, instants[0], instants[-1], step, by_second, warnings)

        self._each(self._planned(), ask, warnings)
        if self._translator is not None:
            seen = {one: 0.0 for samples in by_second.values() for one in samples}
            self._each(self._general_questions(seen), ask, warnings)
        fullest: Samples = max(by_second.values(), key=len)
        self._learn(fullest)
        for at, samples in rows.items():
            yield self._reading(at, samples, warnings)

    def _reading(self, at: datetime, raw: Samples, warnings: Sequence[str]) -> Reading:
        samples = raw if self._translator is None else self._translator.canonical(raw)
        return Reading(at, samples, partial=bool(warnings), warnings=tuple(dict.fromkeys(warnings)))

    def _planned(self) -> list[Question]:
        if self._questions is None:
            names = [name for name in self._names if name not in self._refused]
            self._questions = selectors.questions(
                names, matchers=self._matchers, bounds=self._bounds, counts=self._counts, most_series=self._most_series,
                summed=self._summed,
            )  # fmt: skip
        return self._questions

    def _general_questions(self, raw: Iterable[Series]) -> list[Question]:
        """Of names that every job has, only those of jobs that an engine was seen in."""
        self._jobs |= {target_of(one).job for one in raw}
        jobs = "|".join(selectors.quoted(job) for job in sorted(self._jobs))
        if not jobs:
            return []
        matchers = f'job=~"{jobs}"' + (f",{self._matchers}" if self._matchers else "")
        return selectors.questions([name for name in self._general if name not in self._refused], matchers=matchers)

    def _each(self, asked: Sequence[Question], ask: Callable[[Question], None], warnings: list[str]) -> None:
        """Ask each; one that exceeds the server's limits is halved for good, down to single names."""
        left = list(asked)
        while left:
            one = left.pop(0)
            try:
                ask(one)
            except SourceUnavailable as problem:
                if problem.fault is not Fault.TOO_MUCH:
                    raise
                halves = one.halves()
                if halves is None:
                    self._refused.add(one.names[0])
                    if self._refused >= set(self._names):
                        raise
                left[:0] = halves or ()
                if self._questions is not None and one in self._questions:
                    place = self._questions.index(one)
                    self._questions[place : place + 1] = halves or ()
        if self._refused:
            said = ", ".join(sorted(self._refused))
            warnings.append(f"left out, since they exceed the server's limits: {said}")

    def _learn(self, raw: Iterable[Series]) -> None:
        """How many series each name has; where one question has come to hold too many, they are cut anew."""
        self._counts = Counter(one.name for one in raw)
        if any(
            sum(self._counts[name] for name in asked.names) > self._most_series and len(asked.names) > 1
            for asked in self._planned()
        ):
            self._questions = None
            self._vectors.clear()

    def _instant(self, asked: Question, at: datetime, raw: Samples, warnings: list[str]) -> None:
        status, body = self.connection.answer(asked.text, at=at)
        # The answers of one question are nearly the same at every tick, and are read without parsing them whole.
        vectors = self._vectors.setdefault(asked, Vectors(series_of))
        if status == HTTPStatus.OK and (plain := vectors.read(body)) is not None:
            raw.update(zip(*plain, strict=True))
            return
        envelope = self.connection.envelope(status, body)
        odd = _Odd()
        for row in _rows(envelope, "vector", warnings):
            if "value" not in row:
                odd.native += 1
                continue
            try:
                raw[self._series(row["metric"])] = float(row["value"][1])
            except ValueError:  # an le or a value that is no number
                odd.unreadable += 1
        warnings += odd.said()

    def _range(
        self,
        asked: Question,
        start: datetime,
        end: datetime,
        step: timedelta,
        rows: Mapping[int, Samples],
        warnings: list[str],
    ) -> None:
        envelope = self.connection.range(asked.text, start=start, end=end, step_seconds=step.total_seconds())
        odd = _Odd()
        for row in _rows(envelope, "matrix", warnings):
            if "values" not in row:
                odd.native += 1
                continue
            try:
                one = self._series(row["metric"])
                for at, value in row["values"]:
                    rows[round(at)][one] = float(value)
            except ValueError:
                odd.unreadable += 1
        warnings += odd.said()

    def _series(self, metric: Mapping[str, str]) -> Series:
        key = tuple(metric.items())
        found = self._known.get(key)
        if found is None:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            found = self._known[key] = series_of(metric)
        return found


class _Odd:
    """What of an answer could not be used, counted."""

    def __init__(self) -> None:
        self.native = self.unreadable = 0

    def said(self) -> list[str]:
        native = [f"{self.native} native histograms were left out, expected classic buckets"] if self.native else []
        return native + ([f"{self.unreadable} series were left out, expected numbers"] if self.unreadable else [])


def series_of(metric: Mapping[str, str]) -> Series:
    """The series as the exposition names it; Prometheus 3 writes le="1.0" where 2 kept "1"."""
    labels = {name: value for name, value in metric.items() if name != "__name__"}
    if "le" in labels and not math.isnan(float(labels["le"])):
        labels["le"] = bound(labels["le"])
    return Series(metric["__name__"], tuple(sorted(labels.items())))


def _rows(envelope: Mapping[str, Any], wanted: str, warnings: list[str]) -> list[dict[str, Any]]:
    data = envelope.get("data") or {}
    if data.get("resultType") != wanted:
        raise SourceUnavailable(f"the result is a {data.get('resultType')}, expected a {wanted}")
    warnings += [str(one) for one in envelope.get("warnings") or ()]
    if envelope.get("isPartial"):  # VictoriaMetrics says it so
        warnings.append("the server says that its answer is partial")
    rows: list[dict[str, Any]] = data["result"]
    return rows


def _raw_bounds(naming: Naming, bounds: Mapping[str, Collection[float]]) -> Iterator[tuple[str, Collection[float]]]:
    """The bounds of canonical families, by the bucket names that engines have for them."""
    for dialect in naming.known():
        for rule in dialect.rules:
            for _family, parts in rule.names() if rule.signal in bounds else ():
                for raw, canonical in parts:
                    if canonical.endswith("_bucket"):
                        yield raw, bounds[rule.signal]
