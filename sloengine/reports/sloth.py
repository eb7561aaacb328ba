"""Objectives by Sloth's conventions, so that its dashboards and its users' alerts go on working. Pure.

Names and labels are those that Sloth generates (https://sloth.dev): slo:sli_error:ratio_rate5m, slo:error_budget:ratio, ... with
sloth_id, sloth_service, sloth_slo. The rules read a probe's canonical series. Sloth's own period ratio is the mean of 5-minute
ratios, whatever their traffic; ours is bad over all. `compat` writes the former.

Timeslices have no word in Sloth: one more recording rule keeps whether each slice was good (of RatioTimeslices how good), and
windows are means of it. A slice without traffic records nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from probes.exposition import Series
from probes.signals import PREFIX
from sloengine.budgets.windows import Tier, tiers_of
from sloengine.objectives.objective import Measure, Method, Objective, Reading, goal_sentence

#: Sloth records these whatever the alerts use.
WINDOWS: Final = (300, 1800, 3600, 7200, 21600, 86400, 259200)
GOOD_SLICE: Final = {
    Method.TIMESLICES: "tailwatch:slice_good:bool",
    Method.RATIO_TIMESLICES: "tailwatch:slice_good:ratio",
}
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


class NotExpressible(ValueError):
    """An objective that PromQL over a probe's series cannot say; the reason, in a sentence."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of an objective over each of some windows: error ratios by seconds, None where nothing was."""

    promise: Objective
    ratios: Mapping[int, float | None]


def span(seconds: int) -> str:
    """300 is "5m", 2592000 is "30d": the largest unit that divides it."""
    return next(f"{seconds // size}{unit}" for size, unit in _UNITS if seconds % size == 0)


def labels(promise: Objective) -> dict[str, str]:
    return {
        "sloth_id": f"{promise.service}-{promise.slug}",
        "sloth_service": promise.service,
        "sloth_slo": promise.slug,
    }


def rules(promises: Iterable[tuple[Objective, float | None]], *, compat: bool = False) -> tuple[str, list[str]]:
    """The rule file (YAML) of objectives, each with the bound it is judged at; and a sentence for each that has to stay out."""
    groups: list[dict[str, Any]] = []
    left_out: list[str] = []
    for promise, bound in promises:
        try:
            groups += _groups(promise, bound, compat=compat)
        except NotExpressible as problem:
            left_out.append(f"{promise.key}: {problem}")
    return yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=200), left_out


def samples(measured: Iterable[Measured]) -> dict[Series, float]:
    """Our results as Sloth's rules would have recorded them; what is not known is absent."""
    found: dict[Series, float] = {}
    for one in measured:
        promise, budget = one.promise, float(one.promise.budget)
        period = int(promise.window.total_seconds())
        own = labels(promise)

        def put(name: str, value: float | None, own: Mapping[str, str] = own, **more: str) -> None:
            if value is not None:
                found[Series(name, tuple(sorted({**own, **more}.items())))] = value

        for seconds in (*(window for window in WINDOWS if window < period), period):
            put(f"slo:sli_error:ratio_rate{span(seconds)}", one.ratios.get(seconds), sloth_window=span(seconds))
        put("slo:objective:ratio", float(promise.target))
        put("slo:error_budget:ratio", budget)
        put("slo:time_period:days", period / 86400)
        current, whole = one.ratios.get(WINDOWS[0]), one.ratios.get(period)
        put("slo:current_burn_rate:ratio", None if current is None else current / budget)
        put("slo:period_burn_rate:ratio", None if whole is None else whole / budget)
        put("slo:period_error_budget_remaining:ratio", None if whole is None else 1 - whole / budget)
        put(
            "sloth_slo_info",
            1.0,
            sloth_mode="tailwatch",
            sloth_objective=f"{promise.target * 100:f}",
            sloth_spec="openslo/v1",
        )
    return found


def _groups(promise: Objective, bound: float | None, *, compat: bool) -> list[dict[str, Any]]:
    own, period = labels(promise), int(promise.window.total_seconds())
    windows = [window for window in WINDOWS if window < period]
    recordings = [
        {
            "record": f"slo:sli_error:ratio_rate{span(window)}",
            "expr": _error_ratio(promise, bound, window),
            "labels": {**own, "sloth_window": span(window)},
        }
        for window in windows
    ]
    name = f"slo:sli_error:ratio_rate{span(period)}"
    short = f"slo:sli_error:ratio_rate5m{_selector(own)}"
    mean = (
        f"sum_over_time({short}[{span(period)}])\n/ ignoring (sloth_window)\ncount_over_time({short}[{span(period)}])"
    )
    whole = mean if compat else _error_ratio(promise, bound, period)
    recordings.append({"record": name, "expr": whole, "labels": {**own, "sloth_window": span(period)}})
    slices = [_slice_group(promise, bound)] if promise.method in GOOD_SLICE else []
    identity = own["sloth_id"]
    found = [
        *slices,
        {"name": f"sloth-slo-sli-recordings-{identity}", "rules": recordings},
        {"name": f"sloth-slo-meta-recordings-{identity}", "rules": _meta(promise, own, name)},
    ]
    alerts = list(_alerts(promise, own))
    return [*found, {"name": f"sloth-slo-alerts-{identity}", "rules": alerts}] if alerts else found


def _slice_group(promise: Objective, bound: float | None) -> dict[str, Any]:
    good, total = _good_and_total(promise, bound, promise.slice_seconds)
    ratio = f"(\n{good}\n/\n({total} > 0)\n)"
    judged = promise.method is Method.TIMESLICES
    return {
        "name": f"tailwatch-slices-{labels(promise)['sloth_id']}",
        "interval": span(promise.slice_seconds),
        "rules": [
            {
                "record": GOOD_SLICE[promise.method],
                "expr": f"{ratio} >= bool {promise.slice_target or 0.0:g}" if judged else f"clamp({ratio}, 0, 1)",
                "labels": labels(promise),
            }
        ],
    }


def _meta(promise: Objective, own: Mapping[str, str], period_record: str) -> list[dict[str, Any]]:
    on = _selector(own)
    join = "/ on(sloth_id, sloth_slo, sloth_service) group_left"
    return [
        {"record": "slo:objective:ratio", "expr": f"vector({promise.target})", "labels": own},
        {"record": "slo:error_budget:ratio", "expr": f"vector(1-{promise.target})", "labels": own},
        {
            "record": "slo:time_period:days",
            "expr": f"vector({promise.window.total_seconds() / 86400:g})",
            "labels": own,
        },
        {
            "record": "slo:current_burn_rate:ratio",
            "expr": f"slo:sli_error:ratio_rate5m{on}\n{join}\nslo:error_budget:ratio{on}",
            "labels": own,
        },
        {
            "record": "slo:period_burn_rate:ratio",
            "expr": f"{period_record}{on}\n{join}\nslo:error_budget:ratio{on}",
            "labels": own,
        },
        {
            "record": "slo:period_error_budget_remaining:ratio",
            "expr": f"1 - slo:period_burn_rate:ratio{on}",
            "labels": own,
        },
        {
            "record": "sloth_slo_info",
            "expr": "vector(1)",
            "labels": {
                **own,
                "sloth_mode": "tailwatch",
                "sloth_objective": f"{promise.target * 100:f}",
                "sloth_spec": "openslo/v1",
            },
        },
    ]


def _alerts(promise: Objective, own: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    """One alert a severity, as Sloth has it: its tiers joined by `or`. Tiers that cannot fire are left out."""
    reachable = [
        tier
        for tier in tiers_of(period=promise.window, alerting=promise.terms.alerting)
        if tier.factor * float(promise.budget) < 1
    ]
    for severity in ("page", "ticket"):
        chosen = [tier for tier in reachable if tier.severity == severity]
        if chosen:
            yield {
                "alert": "".join(part.capitalize() for part in f"{promise.service}-{promise.slug}".split("-")) + "Burn",
                "expr": "\nor\n".join(f"(\n{_tier(tier, promise, own)}\n)" for tier in chosen),
                "labels": {"sloth_severity": severity},
                "annotations": {
                    "title": f"{severity}: {promise.service} burns its budget of “{promise.title}” too fast",
                    "summary": goal_sentence(promise),
                },
            }


def _tier(tier: Tier, promise: Objective, own: Mapping[str, str]) -> str:
    limit = f"({tier.factor:g} * {promise.budget})"
    return "\nand\n".join(
        f"max(slo:sli_error:ratio_rate{span(seconds)}{_selector(own)} > {limit}) without (sloth_window)"
        for seconds in (tier.short_seconds, tier.long_seconds)
    )


def _error_ratio(promise: Objective, bound: float | None, window: int) -> str:
    if slices := GOOD_SLICE.get(promise.method):
        return f"1 - avg_over_time({slices}{_selector(labels(promise))}[{span(window)}])"
    good, total = _good_and_total(promise, bound, window)
    return f"1 - (\n{good}\n/\n{total}\n)"


def _good_and_total(promise: Objective, bound: float | None, window: int) -> tuple[str, str]:
    if promise.is_composite or promise.terms.queries.present:
        raise NotExpressible("its parts or queries are its own, not a probe's series")
    measure: Measure = promise.measures[0]
    own = {"service": promise.service, **dict(promise.where)}

    def summed(name: str, *more: str) -> str:
        return f"sum(rate({PREFIX}{name}{_selector(own, *more)}[{span(window)}]))"

    if measure.reading is Reading.WITHIN:
        used = promise.threshold if bound is None else bound
        if used is None:
            raise NotExpressible("it has no threshold")
        spelt = "|".join(dict.fromkeys(each.replace(".", r"\\.") for each in (repr(float(used)), f"{used:g}")))
        return summed(f"{measure.family}_bucket", f'le=~"{spelt}"'), summed(f"{measure.family}_count")
    if measure.reading is Reading.OUTCOMES:
        counted = "|".join(sorted(measure.counted))
        return summed(measure.family, f'outcome=~"{"|".join(sorted(measure.good))}"'), summed(
            measure.family, f'outcome=~"{counted}"'
        )
    if measure.reading is Reading.MEAN:
        return summed(measure.family), summed(measure.over)
    if measure.reading is Reading.UNBROKEN:
        return f"({summed(measure.over)} - ({summed(measure.family)} or vector(0)))", summed(measure.over)
    raise NotExpressible(f"rules cannot say what {promise.indicator} measures")


def _selector(own: Mapping[str, str], *more: str) -> str:
    pairs: Sequence[str] = [f'{name}="{_quoted(value)}"' for name, value in own.items()]
    return "{" + ", ".join([*pairs, *more]) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
