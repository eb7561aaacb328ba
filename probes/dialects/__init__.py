"""Engines as data: which of an engine's families gives which canonical signal. One YAML file an engine. Pure.

A dialect is chosen by the names present, never by a version; several may match one target. Values pass unscaled but for a
declared unit; a signal that a target does not give is absent, never 0.

    name: vllm                                   # as the file is called
    title: vLLM (V1 engine)
    kind: engine                                 # engine | gateway | gpu
    source: https://docs.vllm.ai/...             # where the names are written down
    matches: [vllm:num_requests_running]         # any of these names present
    model_label: model_name                      # optional: the model where the target's config does not say
    config: {family: {fields: [...] or all}}     # optional: labels of an info metric that are configuration
    signals:
      ttft_seconds: vllm:time_to_first_token_seconds
      kv_cache_ratio: {from: [vllm:kv_cache_usage_perc, vllm:gpu_cache_usage_perc], combine: max}   # the first that is present
      requests_total:                            # several rules add up
        - {from: vllm:request_success_total, reason: {label: finished_reason, map: {stop: ok}, otherwise: error}}
        - {from: vllm:admission_rejections_total, reason: {always: rejected}}
      gpu_clock_hertz: {from: DCGM_FI_DEV_SM_CLOCK, unit: megahertz, labels: {gpu: UUID}}
      gpu_utilisation_ratio: {from: DCGM_FI_PROF_GR_ENGINE_ACTIVE, unless: DCGM_FI_DEV_GPU_UTIL, labels: {gpu: UUID}}

`combine` (sum, max or min; default sum) joins series that differ only in labels which we drop. A `reason` fills the one reason
label that the signal has; a map's key may be a class of status codes ("5xx"). `labels` takes label values over, several
joined by "/".

`unless` names a family whose presence switches the rule off. A file that differs from this raises `probes.shape.ShapeError`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from probes import shape
from probes.signals import SIGNALS

KINDS = ("engine", "gateway", "gpu")
COMBINE = ("sum", "max", "min")
#: Factor to the canonical unit: 210 MHz are 210_000_000 Hz, 25 percent are 0.25.
UNITS: Mapping[str, float] = {
    "percent": 0.01,
    "mebibytes": 1048576.0,
    "megahertz": 1e6,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
}
REASON_LABELS = ("outcome", "reason", "state")


@dataclass(frozen=True, slots=True)
class Reason:
    label: str  # of the canonical series: outcome, reason or state
    source: str | None  # label of the engine's series; None: always `otherwise`
    values: tuple[tuple[str, str], ...]
    otherwise: str | None  # None: the value as it is

    def of(self, value: str) -> str:
        """`"503"` by {"503": "rejected", "5xx": "error"} is rejected, `"500"` is error."""
        known = dict(self.values)
        if value in known:
            return known[value]
        if len(value) == 3 and f"{value[0]}xx" in known:
            return known[f"{value[0]}xx"]
        return value if self.otherwise is None else self.otherwise


@dataclass(frozen=True, slots=True)
class Rule:
    signal: str
    families: tuple[str, ...]  # the first that is present gives the signal
    factor: float
    combine: str
    labels: tuple[tuple[str, tuple[str, ...]], ...]  # canonical label, the labels it is taken from
    reason: Reason | None
    unless: tuple[str, ...] = ()  # present: the rule does not apply

    def names(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """Per family: the raw series names and the canonical names they become."""
        own = SIGNALS[self.signal]
        parts = ("_bucket", "_sum", "_count") if own.kind == "histogram" else ("",)
        return tuple((name, tuple((name + part, own.family + part) for part in parts)) for name in self.families)


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

    def gives(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule.signal for rule in self.rules))


@cache
def shipped() -> tuple[Dialect, ...]:
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return tuple(load(file.read_text("utf-8"), file=file.name) for file in files if file.name.endswith(".yaml"))


def matching(names: Collection[str], dialects: tuple[Dialect, ...] | None = None) -> tuple[Dialect, ...]:
    """The dialects of which at least one marker name is present."""
    return tuple(
        one for one in (shipped() if dialects is None else dialects) if any(name in names for name in one.matches)
    )


def load(text: str, *, file: str) -> Dialect:
    """One dialect, validated whole; raises ShapeError."""
    top = shape.read(text, file=file).only(
        "name", "title", "kind", "source", "matches", "model_label", "config", "signals"
    )
    config, model_label = top["config"], top["model_label"]
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
        rules=tuple(
            _rule(signal, rule)
            for signal, given in top["signals"].items()
            for rule in (given.each() if isinstance(given.value, list) else [given])
        ),
    )


def _rule(signal: str, node: shape.Node) -> Rule:
    if signal not in SIGNALS:
        raise shape.ShapeError(node.file, node.path, signal, "a name in probes.signals")
    if isinstance(node.value, str):
        node = shape.Node(node.file, node.path, {"from": node.value})
    node.only("from", "unless", "unit", "combine", "labels", "reason")
    unit, combine, labels = node["unit"], node["combine"], node["labels"]
    if unit.given and SIGNALS[signal].kind == "histogram":
        unit.wrong("no unit on a histogram")
    return Rule(
        signal=signal,
        families=node["from"].texts(),
        factor=UNITS[unit.one_of(UNITS)] if unit.given else 1.0,
        combine=combine.one_of(COMBINE) if combine.given else "sum",
        labels=tuple((name, one.texts()) for name, one in labels.only(*SIGNALS[signal].labels).items())
        if labels.given
        else (),
        reason=_reason(signal, node["reason"]),
        unless=node["unless"].texts() if node["unless"].given else (),
    )


def _reason(signal: str, node: shape.Node) -> Reason | None:
    wanted = next((label for label in SIGNALS[signal].labels if label in REASON_LABELS), None)
    if wanted is None or not node.given:
        return (
            None
            if wanted is None and not node.given
            else node.wrong(f"a reason where {signal} has a reason label, else none")
        )
    if node.only("label", "map", "otherwise", "always")["always"].given:
        return Reason(wanted, None, (), node.only("always")["always"].text())
    values, otherwise = node["map"], node["otherwise"]
    return Reason(
        label=wanted,
        source=node["label"].text(),
        values=tuple((key, one.text()) for key, one in values.items()) if values.given else (),
        otherwise=otherwise.text() if otherwise.given else None,
    )
