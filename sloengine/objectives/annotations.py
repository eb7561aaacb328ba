"""Our extensions: annotations that begin with `tailwatch/`, for what OpenSLO has no word. Pure.

indicator         a signal in place of raw queries: ttft, availability, quality, composite, ...
where             labels that narrow it: model=llama-8b,region=eu
via               who is believed, in order of preference: traffic, http, gateway, client, canary
no-data           how slices without data count: ignore, good, bad; zero-traffic the same without requests
absent-after      how long a signal may be absent before somebody is told: 15m; never
alerts            off: budgets only
tiers             of the shipped table only these: fast, slow
minimum-failures  fewer in the long window wake nobody; minimum-events the same of all events
members           parts of a composite with weights: availability=3, first-token-p95=1; combine: weighted, worst
usd-per-gpu-hour  for cost
kpi               the name under which a KPI is pushed
tags, policy      words of yours; the error-budget policy
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from probes.signals import SIGNALS
from sloengine.objectives.documents import delta
from sloengine.objectives.objective import ELSEWHERE, Indicator, Measure
from sloengine.objectives.terms import Alerting, Combine, Member, Missing, Terms, Treatment, Via

PREFIX = "tailwatch/"
NEVER = "never"
_KPI_NAME = re.compile(r"[-a-zA-Z0-9_]{1,63}")
LABELS = frozenset({"model", "version", "replica", "region", "tenant", "tag", "slice"})
NAMES = (
    "indicator", "where", "via", "no-data", "zero-traffic", "absent-after", "alerts", "tiers", "minimum-failures",
    "minimum-events", "members", "combine", "usd-per-gpu-hour", "kpi", "tags", "policy",
)  # fmt: skip
Problem = Callable[[str, object, str], None]  # name of the annotation, found, expected
Word = TypeVar("Word", bound=StrEnum)


def ours(annotations: Mapping[str, str], problem: Problem) -> dict[str, str]:
    """Those with our prefix, without it; one that we do not know is a mistake in writing."""
    found = {name.removeprefix(PREFIX): text for name, text in annotations.items() if name.startswith(PREFIX)}
    for name in found:
        if name not in NAMES:
            problem(name, PREFIX + name, f"one of {', '.join(NAMES)}")
    return {name: text for name, text in found.items() if name in NAMES}


def indicator(given: Mapping[str, str], problem: Problem) -> Indicator | None:
    return _word(given, "indicator", Indicator, problem)


def where(given: Mapping[str, str], problem: Problem) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in _listed(given.get("where", "")):
        label, equals, value = part.partition("=")
        if not equals or label.strip() not in LABELS or not value.strip():
            problem("where", given["where"], f"label=value pairs with labels of {', '.join(sorted(LABELS))}")
            break
        pairs.append((label.strip(), value.strip()))
    return tuple(sorted(pairs))


def terms(
    given: Mapping[str, str], *, signal: Indicator, tiers: Iterable[str], service: str, problem: Problem
) -> Terms:
    """What the annotations say; `tiers` are the names in the shipped table."""
    missing = Missing(
        no_data=_word(given, "no-data", Treatment, problem) or Treatment.IGNORE,
        zero_traffic=_word(given, "zero-traffic", Treatment, problem) or Treatment.IGNORE,
        absent_after_seconds=_absent_after(given, problem),
    )
    alerting = Alerting(
        enabled=_off(given, problem),
        tiers=_tiers(given, tuple(tiers), problem),
        minimum_failures=_positive(given, "minimum-failures", problem),
        minimum_events=_positive(given, "minimum-events", problem),
    )
    found = Terms(
        missing=missing,
        alerting=alerting,
        via=_via(given, signal, problem),
        members=_members(given, signal, service, problem),
        combine=_word(given, "combine", Combine, problem) or Combine.WEIGHTED,
        usd_per_gpu_hour=_positive(given, "usd-per-gpu-hour", problem),
        kpi=given.get("kpi", "").strip(),
        tags=tuple(_listed(given.get("tags", ""))),
        policy=given.get("policy", "").strip(),
    )
    if found.kpi and (signal is not Indicator.KPI or not _KPI_NAME.fullmatch(found.kpi)):
        problem("kpi", found.kpi, "a name of letters, digits, - and _, of a KPI that is pushed (indicator kpi)")
    if signal is Indicator.COST and found.usd_per_gpu_hour is None and "usd-per-gpu-hour" not in given:
        problem("usd-per-gpu-hour", "nothing", "the price of a GPU-hour in USD, which a cost is reckoned from")
    return found


def missing_labels(measure: Measure, labels: Iterable[str]) -> list[str]:
    """The labels of these that our probes never write on this family; another exporter may."""
    signal = SIGNALS.get(measure.family)
    return sorted(set(labels) - set(signal.labels)) if signal is not None else []


def written(terms: Terms, *, signal: Indicator, where: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The annotations that read back as these."""
    plain = Terms()
    texts: dict[str, Any] = {
        "indicator": "" if signal is Indicator.QUERY else str(signal),
        "where": ",".join(f"{label}={value}" for label, value in where),
        "via": ", ".join(terms.via),
        "no-data": _unless(terms.missing.no_data, plain.missing.no_data),
        "zero-traffic": _unless(terms.missing.zero_traffic, plain.missing.zero_traffic),
        "absent-after": _seconds_text(terms.missing.absent_after_seconds)
        if terms.missing.absent_after_seconds != plain.missing.absent_after_seconds
        else "",
        "alerts": "" if terms.alerting.enabled else "off",
        "tiers": ", ".join(terms.alerting.tiers),
        "minimum-failures": terms.alerting.minimum_failures,
        "minimum-events": terms.alerting.minimum_events,
        "members": ", ".join(f"{member.key}={member.weight:g}" for member in terms.members),
        "combine": _unless(terms.combine, plain.combine),
        "usd-per-gpu-hour": terms.usd_per_gpu_hour,
        "kpi": terms.kpi,
        "tags": ", ".join(terms.tags),
        "policy": terms.policy,
    }
    return {
        PREFIX + name: f"{text:g}" if isinstance(text, float) else str(text)
        for name, text in texts.items()
        if text not in ("", None)
    }


def _unless(value: StrEnum, default: StrEnum) -> str:
    return "" if value is default else str(value)


def _seconds_text(seconds: int | None) -> str:
    return NEVER if seconds is None else f"{seconds // 60}m"


def _word(given: Mapping[str, str], name: str, words: type[Word], problem: Problem) -> Word | None:
    if name not in given:
        return None
    if given[name] not in {*words}:
        problem(name, given[name], f"one of {', '.join(words)}")
        return None
    return words(given[name])


def _absent_after(given: Mapping[str, str], problem: Problem) -> int | None:
    default = Missing().absent_after_seconds
    if "absent-after" not in given:
        return default
    if given["absent-after"] == NEVER:
        return None
    try:
        seconds = _duration(given["absent-after"])
    except ValueError:
        seconds = 0
    if not 300 <= seconds <= 3 * 86400:
        problem("absent-after", given["absent-after"], "a duration from 5m to 3d, or never")
        return default
    return seconds


def _duration(text: str) -> int:
    if not text[:-1].isdigit() or text[-1:] not in tuple("mhd"):
        raise ValueError(text)
    return int(delta(text).total_seconds())


def _off(given: Mapping[str, str], problem: Problem) -> bool:
    if given.get("alerts", "on") not in ("on", "off"):
        problem("alerts", given["alerts"], "on or off")
    return given.get("alerts") != "off"


def _tiers(given: Mapping[str, str], known: tuple[str, ...], problem: Problem) -> tuple[str, ...]:
    names = tuple(_listed(given.get("tiers", "")))
    if any(name not in known for name in names):
        problem("tiers", given["tiers"], f"of {', '.join(known)}")
        return ()
    return names


def _positive(given: Mapping[str, str], name: str, problem: Problem) -> float | None:
    if name not in given:
        return None
    try:
        number = float(given[name])
    except ValueError:
        number = -1.0
    if not 0 < number < 1e12:
        problem(name, given[name], "a number above 0")
        return None
    return number


def _via(given: Mapping[str, str], signal: Indicator, problem: Problem) -> tuple[Via, ...]:
    names = _listed(given.get("via", ""))
    offered = [Via.TRAFFIC, *(via for one, via in ELSEWHERE if one is signal)]
    if any(name not in {*offered} for name in names) or len(set(names)) < len(names):
        problem("via", given["via"], f"of {', '.join(offered)}, each once, in order of preference")
        return ()
    return tuple(Via(name) for name in names)


def _members(given: Mapping[str, str], signal: Indicator, service: str, problem: Problem) -> tuple[Member, ...]:
    parts = _listed(given.get("members", ""))
    if (signal is Indicator.COMPOSITE) != bool(parts):
        expected = (
            "its parts, such as availability=3, chat/ttft=1"
            if signal is Indicator.COMPOSITE
            else "members of a composite only"
        )
        problem("members", given.get("members", "nothing"), expected)
        return ()
    members = []
    for part in parts:
        name, equals, weight = part.partition("=")
        number = _positive({"members": weight}, "members", problem) if equals else 1.0
        if number is None:
            return ()
        key = name.strip()
        members.append(Member(key if "/" in key else f"{service}/{key}", number))
    if len({member.key for member in members}) < len(members):
        problem("members", given["members"], "each part once")
    return tuple(members)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
