"""Engines as data: which of an engine's families gives which canonical signal. One YAML file an engine. Pure.

A dialect is chosen by the names present, never by a version; several may match one target. Values pass unscaled but for a
declared unit; a signal that a target does not give is absent, never 0.

    name: vllm                                   # as the file is called
    title: vLLM (V1 engine)
    kind: engine                                 # engine | gateway | gpu | client
    source: https://docs.vllm.ai/...             # where the names are written down
    matches: [vllm:num_requests_running]         # any of these names present
    model_label: model_name                      # optional: the model where the target's config does not say
    ranks: [tp_rank, pp_rank]                    # optional: series that differ only in these say the same; the largest counts
    like: {dialect: vllm, prefix: "vllm:", becomes: ["ray_vllm_"]}   # optional: that dialect's other signals, renamed
    config: {family: {fields: [...] or all}}     # optional: labels of an info metric that are configuration
    signals:
      ttft_seconds: vllm:time_to_first_token_seconds
      kv_cache_ratio: {from: [vllm:kv_cache_usage_perc, vllm:gpu_cache_usage_perc], combine: max}   # the first that is present
      requests_total:                            # several rules add up
        - {from: vllm:request_success_total, reason: {label: finished_reason, map: {stop: ok}, otherwise: error}}
        - {from: vllm:admission_rejections_total, reason: {always: rejected}}
      gpu_clock_hertz: {from: DCGM_FI_DEV_SM_CLOCK, unit: megahertz, labels: {gpu: UUID}}
      gpu_utilisation_ratio: {from: DCGM_FI_PROF_GR_ENGINE_ACTIVE, unless: DCGM_FI_DEV_GPU_UTIL, labels: {gpu: UUID}}
      prefill_seconds: {from: sglang:per_stage_req_latency_seconds, where: {stage: prefill_forward}}
      gateway_e2e_seconds: {from: istio_request_duration_milliseconds, unit: milliseconds, prefer: {reporter: [source, destination]}}
      queue_seconds: {sum: nv_inference_queue_duration_us, count: nv_inference_exec_count, unit: microseconds}   # an average only

`combine` (sum, max or min; default sum) joins series that differ only in labels which we drop. A `reason` fills the one reason
label that the signal has, from the first of its labels whose value the map knows; a map's key may be a class of status codes ("5xx") or an
ending ("*.RateLimitError"). `labels` takes label values over, several joined by "/". `where` keeps series by the value of a label,
`where: {label: {not: [...]}}` those without these values. `prefer` keeps the series of the first value that the page
shows, or all where it shows none.
`blank: zero` is for a page that shows 0 where it has no reading. The unit of a histogram is one of time and scales its bounds and its sum.

`unless` names families, or a family with a label as `family{label}`, whose presence switches the rule off. A file that differs
from this raises `probes.shape.ShapeError`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from probes import shape
from probes.exposition import Series
from probes.signals import SIGNALS

KINDS = ("engine", "gateway", "gpu", "client")
COMBINE = ("sum", "max", "min")
#: Factor to the canonical unit: 210 MHz are 210_000_000 Hz, 25 percent are 0.25.
UNITS: Mapping[str, float] = {
    "percent": 0.01,
    "mebibytes": 1048576.0,
    "millijoules": 1e-3,
    "megahertz": 1e6,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
}
TIMES = ("milliseconds", "microseconds", "nanoseconds")
REASON_LABELS = ("outcome", "reason", "state")
_PARTS = ("_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Reason:
    label: str  # of the canonical series: outcome, reason or state
    sources: tuple[str, ...]  # labels of the engine's series, the first with a value counts; none: always `otherwise`
    values: tuple[tuple[str, str], ...]
    otherwise: str | None  # None: the value as it is

    def of(self, *found: str) -> str:
        """`"503"` by {"503": "rejected", "5xx": "error"} is rejected, `"500"` is error. Of several the first that is known."""
        for value in found:
            if (meant := self._known(value)) is not None:
                return meant
        return self.otherwise if self.otherwise is not None else (found or ("",))[-1]

    def _known(self, value: str) -> str | None:
        known = dict(self.values)
        if value in known:
            return known[value]
        if len(value) == 3 and f"{value[0]}xx" in known:
            return known[f"{value[0]}xx"]
        return next((meant for key, meant in self.values if key[:1] == "*" and value.endswith(key[1:])), None)


@dataclass(frozen=True, slots=True)
class Where:
    """Which series of a family a rule is about, by one label."""

    label: str
    values: tuple[str, ...]
    negated: bool = False

    def holds(self, labels: Mapping[str, str]) -> bool:
        return (labels.get(self.label, "") in self.values) != self.negated


@dataclass(frozen=True, slots=True)
class Rule:
    signal: str
    families: tuple[str, ...]  # the first that is present gives the signal
    factor: float
    combine: str
    labels: tuple[tuple[str, tuple[str, ...]], ...]  # canonical label, the labels it is taken from
    reason: Reason | None
    unless: tuple[str, ...] = ()  # present: the rule does not apply
    where: tuple[Where, ...] = ()
    prefer: tuple[str, tuple[str, ...]] | None = None  # a label, and its values: the first one shown counts
    parts: tuple[tuple[str, str], ...] = ()  # raw names of the sum and the count of a histogram without buckets
    blank: bool = False  # a 0 stands for "no reading"

    def names(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """Per family: the raw series names and the canonical names they become."""
        own = SIGNALS[self.signal]
        if self.parts:
            return ((self.parts[0][0], tuple((raw, own.family + part) for raw, part in self.parts)),)
        parts = _PARTS if own.kind == "histogram" else ("",)
        return tuple((name, tuple((name + part, own.family + part) for part in parts)) for name in self.families)

    def about(self, one: Series) -> bool:
        return not self.where or all(condition.holds(dict(one.labels)) for condition in self.where)


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    title: str
    kind: str
    source: str
    matches: tuple[str, ...]
    model_label: str | None
    config: tuple[tuple[str, tuple[str, ...]], ...]  # info family, the labels that are configuration (empty: all)
    rules: tuple[Rule, ...]
    ranks: tuple[str, ...] = ()

    def gives(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule.signal for rule in self.rules))


@cache
def shipped() -> tuple[Dialect, ...]:
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return tuple(load(file.read_text("utf-8"), file=file.name) for file in files if file.name.endswith(".yaml"))


def matching(names: Collection[str], dialects: tuple[Dialect, ...] | None = None) -> tuple[Dialect, ...]:
    """The dialects of which at least one marker name is present, engines first: of a signal that two give, the first counts."""
    found = (one for one in (shipped() if dialects is None else dialects) if any(name in names for name in one.matches))
    return tuple(sorted(found, key=lambda one: KINDS.index(one.kind)))


def load(text: str, *, file: str) -> Dialect:
    """One dialect, validated whole; raises ShapeError."""
    top = shape.read(text, file=file).only(
        "name", "title", "kind", "source", "matches", "model_label", "ranks", "like", "config", "signals"
    )
    config, model_label = top["config"], top["model_label"]
    own = tuple(
        _rule(signal, rule)
        for signal, given in top["signals"].items()
        for rule in (given.each() if isinstance(given.value, list) else [given])
    )
    return Dialect(
        name=top["name"].text(),
        title=top["title"].text(),
        kind=top["kind"].one_of(KINDS),
        source=top["source"].text(),
        matches=top["matches"].texts(),
        model_label=model_label.text() if model_label.given else None,
        config=tuple((name, () if one.value == "all" else one.texts()) for name, one in config.items())
        if config.given
        else (),
        rules=own + _like(top["like"], {rule.signal for rule in own}),
        ranks=top["ranks"].texts() if top["ranks"].given else (),
    )


def _like(node: shape.Node, own: Collection[str]) -> tuple[Rule, ...]:
    """The rules of another dialect for signals that this one has none for, with the beginning of their names changed."""
    if not node.given:
        return ()
    name, prefix, becomes = (node.only("dialect", "prefix", "becomes")[key] for key in ("dialect", "prefix", "becomes"))
    file = resources.files(__name__) / f"{name.text()}.yaml"
    if not file.is_file():
        name.wrong("the name of a shipped dialect")
    return tuple(
        replace(
            rule,
            families=tuple(
                new + family.removeprefix(prefix.text())
                for family in rule.families
                if family.startswith(prefix.text())
                for new in becomes.texts()
            ),
        )
        for rule in load(file.read_text("utf-8"), file=f"{name.text()}.yaml").rules
        if rule.signal not in own and any(family.startswith(prefix.text()) for family in rule.families)
    )


def _rule(signal: str, node: shape.Node) -> Rule:
    if signal not in SIGNALS:
        raise shape.ShapeError(node.file, node.path, signal, "a name in probes.signals")
    if isinstance(node.value, str):
        node = shape.Node(node.file, node.path, {"from": node.value})
    node.only("from", "sum", "count", "unless", "unit", "combine", "labels", "reason", "where", "prefer", "blank")
    unit, combine, labels, prefer = node["unit"], node["combine"], node["labels"], node["prefer"]
    histogram = SIGNALS[signal].kind == "histogram"
    if unit.given and histogram and unit.value not in TIMES:
        unit.wrong("no unit on a histogram but one of " + ", ".join(TIMES))
    parts = _averages(node, histogram=histogram)
    return Rule(
        signal=signal,
        families=() if parts else node["from"].texts(),
        factor=UNITS[unit.one_of(UNITS)] if unit.given else 1.0,
        combine=combine.one_of(COMBINE) if combine.given else "sum",
        labels=tuple((name, one.texts()) for name, one in labels.only(*SIGNALS[signal].labels).items())
        if labels.given
        else (),
        reason=_reason(signal, node["reason"]),
        unless=node["unless"].texts() if node["unless"].given else (),
        where=tuple(_where(name, one) for name, one in node["where"].items()) if node["where"].given else (),
        prefer=next(((name, one.texts()) for name, one in prefer.items()), None) if prefer.given else None,
        parts=parts,
        blank=node["blank"].given and node["blank"].one_of(("zero",)) == "zero",
    )


def _averages(node: shape.Node, *, histogram: bool) -> tuple[tuple[str, str], ...]:
    if not node["sum"].given and not node["count"].given:
        return ()
    if node["from"].given or not histogram:
        node.wrong("sum and count for a histogram alone, and no from beside them")
    return ((node["sum"].text(), "_sum"), (node["count"].text(), "_count"))


def _where(label: str, node: shape.Node) -> Where:
    if isinstance(node.value, dict):
        return Where(label, node.only("not")["not"].texts(), negated=True)
    return Where(label, node.texts())


def _reason(signal: str, node: shape.Node) -> Reason | None:
    wanted = next((label for label in SIGNALS[signal].labels if label in REASON_LABELS), None)
    if wanted is None or not node.given:
        return (
            None
            if wanted is None and not node.given
            else node.wrong(f"a reason where {signal} has a reason label, else none")
        )
    if node.only("label", "map", "otherwise", "always")["always"].given:
        return Reason(wanted, (), (), node.only("always")["always"].text())
    values, otherwise = node["map"], node["otherwise"]
    return Reason(
        label=wanted,
        sources=node["label"].texts(),
        values=tuple((key, one.text()) for key, one in values.items()) if values.given else (),
        otherwise=otherwise.text() if otherwise.given else None,
    )
