"""Which questions read which names: plain selectors, cut so that none exceeds a server's limits.

`rate()` and `increase()` extrapolate, and cost more; `or` between two selectors would drop series that differ in name alone. So
names are grouped into alternations, and a family whose bounds are known is asked for these bounds only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from probes.signals import PREFIX, SIGNALS
from sloengine.collect.increments import COUNTER_ENDINGS, SUMMED
from sloengine.collect.slots import SERVICE_LABELS

#: Proxies that turn a body into a URL refuse more than 8 KiB of it; percent-encoding makes a third of the characters three.
LONGEST_QUERY: Final = 5000
#: Series that one question may return: 50,000 are some 12 MB of JSON.
MOST_SERIES: Final = 50_000
_PARTS: Final = ("_bucket", "_sum", "_count")
_SUMMED_BY: Final = ",".join(("__name__", "le", *sorted(SERVICE_LABELS)))


@dataclass(frozen=True, slots=True)
class Question:
    """Some names, and matchers that all of their series must meet: `job="vllm"`, without braces. `summed`: over the targets, by the
    server, with `instance="sum"`."""

    names: tuple[str, ...]
    matchers: str = ""
    bounds: tuple[str, ...] = ()
    summed: bool = False

    @property
    def text(self) -> str:
        """{__name__=~"tailwatch_(?:a|b)",le=~"0\\.25",cluster="eu"}"""
        parts = [f'__name__=~"{_alternation(self.names)}"']
        if self.bounds:
            parts.append(f'le=~"{"|".join(map(quoted, self.bounds))}"')
        selector = "{" + ",".join([*parts, *([self.matchers] if self.matchers else [])]) + "}"
        return (
            f'label_replace(sum by ({_SUMMED_BY}) ({selector}),"instance","{SUMMED}","","")'
            if self.summed
            else selector
        )

    def halves(self) -> tuple[Question, Question] | None:
        """The same in two; None where there is one name left."""
        if len(self.names) < 2:
            return None
        middle = len(self.names) // 2
        return replace(self, names=self.names[:middle]), replace(self, names=self.names[middle:])


def names_of(families: Iterable[str]) -> tuple[str, ...]:
    """The series names of canonical families: ("tailwatch_ttft_seconds_bucket", ..., "tailwatch_requests_total")."""
    found: list[str] = []
    for family in sorted(set(families)):
        histogram = family in SIGNALS and SIGNALS[family].kind == "histogram"
        found += [PREFIX + family + part for part in _PARTS] if histogram else [PREFIX + family]
    return tuple(found)


def questions(
    names: Iterable[str],
    *,
    matchers: str = "",
    bounds: Mapping[str, Collection[float]] | None = None,
    counts: Mapping[str, int] | None = None,
    most_series: int = MOST_SERIES,
    summed: bool = False,
) -> list[Question]:
    """Questions that cover all names: each at most LONGEST_QUERY characters, and `most_series` series where `counts` tells how
    many a name has. `bounds` by bucket name narrow it to these; `summed`: counters come as sums over the targets."""
    if summed:
        given = list(names)
        limits = {"matchers": matchers, "bounds": bounds, "counts": counts, "most_series": most_series}
        plain = questions([name for name in given if not name.endswith(COUNTER_ENDINGS)], **limits)  # type: ignore[arg-type]
        counters = questions([name for name in given if name.endswith(COUNTER_ENDINGS)], **limits)  # type: ignore[arg-type]
        return [*(replace(one, summed=True) for one in counters), *plain]
    narrowed = bounds or {}
    found: list[Question] = []
    for name in sorted(set(names) & set(narrowed)):
        found.append(
            Question((name,), matchers, tuple(spelt for bound in sorted(narrowed[name]) for spelt in spellings(bound)))
        )
    rest = [name for name in names if name not in narrowed]
    return [*found, *(Question(group, matchers) for group in _groups(rest, counts or {}, most_series, len(matchers)))]


def spellings(bound: float) -> tuple[str, ...]:
    """A bound as clients of all ages write it: 1.0 is "1" and "1.0", 0.25 is "0.25", infinity "+Inf"."""
    if bound == float("inf"):
        return ("+Inf",)
    return tuple(dict.fromkeys((repr(float(bound)), f"{bound:g}")))


def quoted(text: str) -> str:
    """As a literal inside a regular expression inside a PromQL string."""
    return re.sub(r"([.+*?^$|()\[\]{}\\])", r"\\\\\1", text).replace('"', r"\"")


def _groups(names: Sequence[str], counts: Mapping[str, int], most_series: int, used: int) -> Iterable[tuple[str, ...]]:
    group: list[str] = []
    characters = series = 0
    common = len(_common(names))
    for name in names:
        size, many = len(quoted(name)) + 1 - common, counts.get(name, 0)
        if group and (characters + size + used > LONGEST_QUERY or series + many > most_series):
            yield tuple(group)
            group, characters, series = [], 0, 0
        group.append(name)
        characters, series = characters + size, series + many
    if group:
        yield tuple(group)


def _alternation(names: Sequence[str]) -> str:
    """tailwatch_(?:a|b): what all names begin with is said once."""
    common = _common(names)
    rest = "|".join(quoted(name.removeprefix(common)) for name in names)
    return f"{quoted(common)}(?:{rest})" if common else rest


def _common(names: Sequence[str]) -> str:
    """What all of two or more names begin with, up to the last "_" or ":"."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[: max(first.rfind("_", 0, same), first.rfind(":", 0, same)) + 1]
