"""Small readings that the answers are made of. Means are sum / count over all replicas: no percentile is averaged (R35)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer, Query, cannot_tell
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import Found, View, When, Window

Reader = Callable[[View], Answer]
TTFT_STAGES = ("queue", "prefill")


def query_of(view: View, family: str, **where: str) -> Query:
    period = view.period(When.NOW)
    return Query(family, period.start, period.end, where)


def answer(
    view: View, value: float | None, family: str, *, reason: str = "", detail: str = "", sentence: str = ""
) -> Answer:
    query = query_of(view, family)
    if value is None:
        return cannot_tell(reason or f"no {family} in the window", query)
    return Answer(value, view.period(When.NOW).seconds, detail=detail, sentence=sentence, query=query)


def rate(view: View, family: str, when: Window) -> float | None:
    groups = view.increments(family, when)
    covered = view.covered_seconds(family, when)
    return sum(groups.values()) / covered if groups and covered else None


def mean(view: View, family: str, when: Window) -> float | None:
    one = view.histogram(family, when).get(())
    return one.mean if one is not None else None


def gauge(view: View, family: str, when: Window) -> float | None:
    one = view.gauge(family, when).get(())
    return one.mean if one is not None else None


def only_told(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def stages(view: View, when: Window) -> dict[str, float]:
    return only_told({stage: mean(view, f"{stage}_seconds", when) for stage in TTFT_STAGES})


def from_to(before: float, now: float, unit: str) -> str:
    return f"from {text(before, unit)} to {text(now, unit)}"


def against(view: View, family: str, now: float | None, before: float | None, unit: str) -> Answer:
    if now is None:
        return answer(view, None, family)
    if before is None or before <= 0:
        return answer(view, None, family, reason=f"no {family} before the impact to compare with")
    return answer(view, measures.factor(now, before), family, detail=from_to(before, now, unit))


def mean_factor(family: str) -> Reader:
    return lambda view: against(view, family, mean(view, family, When.NOW), mean(view, family, When.BEFORE), "s")


def rate_factor(family: str) -> Reader:
    return lambda view: against(view, family, rate(view, family, When.NOW), rate(view, family, When.BEFORE), "per_s")


def gauge_level(family: str) -> Reader:
    return lambda view: answer(view, gauge(view, family, When.NOW), family)


def findings(
    kinds: frozenset[str], indicators: frozenset[str] | None, page_only: bool
) -> Callable[[View], list[Found]]:
    def read(view: View) -> list[Found]:
        return [
            one
            for one in view.findings()
            if one.kind in kinds
            and (indicators is None or one.indicator in indicators)
            and (not page_only or one.severity == "page")
        ]

    return read


def count_findings(kinds: frozenset[str], indicators: frozenset[str] | None = None, page_only: bool = False) -> Reader:
    chosen = findings(kinds, indicators, page_only)

    def read(view: View) -> Answer:
        found = chosen(view)
        detail = "; ".join(
            dict.fromkeys(one.objective if one.kind == "burn" else one.reason.removesuffix(".") for one in found)
        )
        return answer(view, float(len(found)), "findings", detail=detail)

    return read
