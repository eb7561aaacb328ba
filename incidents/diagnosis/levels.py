"""A measure's level in a window, whole or by replica or region, and its comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from incidents.diagnosis import measures
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.measured import MEASURES, How, Measure, Way, compared
from incidents.diagnosis.readings import Reader, against, answer, only_told
from incidents.diagnosis.signals import text
from incidents.diagnosis.view import View, When, Window

#: A mean of fewer requests says nothing about a replica.
LEAST_EVENTS = 10
#: Where the others moved that far themselves, it is everything: the first minute of any flood hits one replica harder.
ALL_MOVED = 2.0


def level(view: View, measure: Measure, when: Window, by: tuple[str, ...] = ()) -> dict[str, float]:
    """By the one label in `by`, or {"": level} of the whole service. What cannot be told is absent."""
    first = measure.families[0]
    if measure.how is How.MEAN:
        groups = view.histogram(first, when, by)
        return only_told({_name(key): one.mean for key, one in groups.items() if not by or one.count >= LEAST_EVENTS})
    if measure.how is How.GAUGE:
        return only_told({_name(key): one.mean for key, one in view.gauge(first, when, by).items()})
    counted = view.increments(first, when, by)
    if measure.how is How.RATE:
        covered = view.covered_seconds(first, when)
        return {_name(key): amount / covered for key, amount in counted.items()} if covered else {}
    whole = view.increments(measure.families[1], when, by)
    return only_told({_name(key): measures.share(amount, whole.get(key)) for key, amount in counted.items()})


def _name(key: tuple[str, ...]) -> str:
    return key[0] if key else ""


def moved(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Each one's factor against its own past; one without a past against the median past of the others.

    now {a: 0.12, b: 0.03}, before {a: 0.03, b: 0.03} is {a: 4.0, b: 1.0}.
    """
    past = [value for value in before.values() if value > 0]
    usual = median(past) if past else None
    found = {name: before.get(name) or usual for name in now}
    return {name: now[name] / base for name, base in found.items() if base}


def _skew(measure: Measure, by: str) -> Reader:
    def read(view: View) -> Answer:
        now, before = level(view, measure, When.NOW, (by,)), level(view, measure, When.BEFORE, (by,))
        factors = moved(now, before)
        family = measure.families[0]
        if len(factors) < 2:
            return answer(view, None, family, reason=f"fewer than two {by}s report the {measure.what}")
        worst = max(factors, key=lambda name: (factors[name], name))
        others = median(value for name, value in factors.items() if name != worst)
        near = median(value for name, value in now.items() if name != worst)
        small = now[worst] - near < measure.least or others <= 0 or others > ALL_MOVED
        value = 1.0 if small else factors[worst] / others
        detail = f"{worst or 'unnamed'} {text(now[worst], measure.unit)}, the others {text(near, measure.unit)}"
        return answer(view, value, family, detail=detail if value > 1.2 else f"{len(factors)} {by}s")

    return read


def _against(measure: Measure, when: When) -> Reader:
    def read(view: View) -> Answer:
        now, then = level(view, measure, When.NOW).get(""), level(view, measure, when).get("")
        if when is When.WEEK and now is not None and not then:
            return answer(view, None, measure.families[0], reason=f"no {measure.what} known of a week ago")
        return against(view, measure.families[0], now, then, measure.unit)

    return read


def _reader(measure: Measure, way: Way) -> Reader:
    match way:
        case Way.HOUR:
            return _against(measure, When.BEFORE)
        case Way.WEEK:
            return _against(measure, When.WEEK)
        case Way.REPLICA:
            return _skew(measure, "replica")
        case Way.REGION:
            return _skew(measure, "region")


def readers() -> dict[str, Reader]:
    """The grid of comparisons (measured.py), each by its signal's name."""
    return {measure.named(way): _reader(measure, way) for measure, way in compared()}


def factor(name: str) -> Reader:
    """The measure against the hour before."""
    return _against(MEASURES[name], When.BEFORE)
