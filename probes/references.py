"""Reference sets: the frozen answers of a service's prompts, versioned, with what was normal when they were recorded. Pure.

A set is one YAML file, named in `references_file`. It says which embedder its baselines are of, which model and version answered,
and who signed it. Only a signed set judges: the digest that is signed is of all but signature and declaration, so a set that
was changed afterwards is unsigned. A file with `references` alone gives references and no baseline.

A `declared` model change says that answers are about to differ, and why: while that version answers, the set no longer judges
wording, until a new set is recorded and signed. Assertions go on judging: a declared change may not be wrong either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import yaml

from probes import shape
from probes.calibration import Baseline

_KEYS = (
    "version", "service", "model", "model_version", "embedder", "lexical", "recorded_at", "slices", "baselines",
    "references", "declared", "signed",
)  # fmt: skip


class State(StrEnum):
    """Whether a set judges; the `state` of tailwatch_reference_state."""

    OK = "ok"
    NO_BASELINE = "no_baseline"  # references without calibration: cosines are shown, nothing is judged
    UNSIGNED = "unsigned"
    OTHER_EMBEDDER = "other_embedder"
    REBASELINING = "rebaselining"  # a declared model change; a person signs the next set


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who, when; `what` is the digest that was signed, or the version that was declared."""

    by: str
    at: str
    what: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    version: int = 0  # 0: a file of answers alone
    service: str = ""
    model: str = ""
    model_version: str = ""
    embedder: str = ""
    lexical: bool = True
    recorded_at: str = ""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # prompt to answers
    baselines: Mapping[str, Baseline] = field(default_factory=dict)  # by prompt
    slices: Mapping[str, Baseline] = field(default_factory=dict)
    declared: Stamp | None = None
    signed: Stamp | None = None

    def state(self, *, embedder: str, serving: str) -> State:
        """`serving`: the version that answers now."""
        if not self.baselines:
            return State.NO_BASELINE
        if self.embedder != embedder:
            return State.OTHER_EMBEDDER
        if self.signed is None or self.signed.what != digest(self):
            return State.UNSIGNED
        if self.declared is not None and self.declared.what == serving and serving != self.model_version:
            return State.REBASELINING
        return State.OK


def digest(one: ReferenceSet) -> str:
    content = {name: value for name, value in _document(one).items() if name not in ("declared", "signed")}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def dump(one: ReferenceSet) -> str:
    return yaml.safe_dump(_document(one), sort_keys=False, allow_unicode=True, width=120)


def load(text: str, *, file: str) -> ReferenceSet:
    top = shape.read(text, file=file).only(*_KEYS)
    plain = {name: _text(top[name]) for name in ("service", "model", "model_version", "embedder", "recorded_at")}
    lexical = top["lexical"]
    if lexical.given and not isinstance(lexical.value, bool):
        lexical.wrong("true or false")
    return ReferenceSet(
        version=int(top["version"].number(low=1, high=1e9)) if top["version"].given else 0,
        lexical=lexical.value is not False,
        references={name: one.texts() for name, one in top["references"].items()},
        baselines=_baselines(top["baselines"]),
        slices=_baselines(top["slices"]),
        declared=_stamp(top["declared"]),
        signed=_stamp(top["signed"]),
        **plain,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """One prompt in two sets; a cosine of None: it is in one of them alone."""

    prompt: str
    cosine: float | None  # of the new answers to the nearest old ones, their mean
    before: Baseline | None
    after: Baseline | None


def compare(old: ReferenceSet, new: ReferenceSet, *, cosine: Mapping[str, float]) -> list[Difference]:
    """The most different first; `cosine` by prompt, for the prompts that both have."""
    names = dict.fromkeys((*old.references, *new.references))
    found = [Difference(name, cosine.get(name), old.baselines.get(name), new.baselines.get(name)) for name in names]
    return sorted(found, key=lambda one: (one.cosine is None, one.cosine or 0.0))


def _document(one: ReferenceSet) -> dict[str, Any]:
    """What is 0, empty or unknown is left out; a baseline brings its threshold for the reader."""
    slices = {name: {**_figures(found), "threshold": round(found.threshold, 6)} for name, found in one.slices.items()}
    document: dict[str, Any] = {
        "version": one.version,
        "service": one.service,
        "model": one.model,
        "model_version": one.model_version,
        "embedder": one.embedder,
        "lexical": one.lexical,
        "recorded_at": one.recorded_at,
        "slices": slices,
        "baselines": {name: _figures(found) for name, found in one.baselines.items()},
        "references": {name: list(answers) for name, answers in one.references.items()},
        "declared": _said(one.declared),
        "signed": _said(one.signed),
    }
    return {name: value for name, value in document.items() if value not in ("", None, {}, 0) or name == "references"}


def _said(stamp: Stamp | None) -> dict[str, str]:
    return {name: text for name, text in asdict(stamp).items() if text} if stamp else {}


def _figures(one: Baseline) -> dict[str, float]:
    found: dict[str, float] = {"mean": round(one.mean, 6), "noise": round(one.noise, 6), "answers": one.answers}
    return found if one.accuracy is None else {**found, "accuracy": round(one.accuracy, 6)}


def _baselines(node: shape.Node) -> dict[str, Baseline]:
    return {name: _baseline(one) for name, one in node.items()} if node.given else {}


def _baseline(node: shape.Node) -> Baseline:
    node.only("mean", "noise", "answers", "accuracy", "threshold")
    accuracy = node["accuracy"]
    return Baseline(
        mean=node["mean"].number(low=-1, high=1),
        noise=node["noise"].number(low=0, high=1),
        answers=int(node["answers"].number(low=2, high=1e9)),
        accuracy=accuracy.number(low=0, high=1) if accuracy.given else None,
    )


def _stamp(node: shape.Node) -> Stamp | None:
    if not node.given:
        return None
    node.only("by", "at", "what", "because")
    return Stamp(node["by"].text(), node["at"].text(), node["what"].text(), _text(node["because"]))


def _text(node: shape.Node) -> str:
    return node.text() if node.given else ""
