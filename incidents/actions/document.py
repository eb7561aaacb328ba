"""The actions document: executors, and which of them does which action for which service under which guards. YAML, taken whole or not.

    executors:
      gateway: {kind: webhook, url: "https://gateway.example/control/{service}", secret: gateway}
    bindings:
      - service: chat
        action: warm_restart
        executor: gateway
        parameters: {replica: worst}
        capacity: 36
        completion: {url: "https://gateway.example/replicas/{replica}", model: llama-8b, within: 5m}
        verify: {expect: ["ttft_p95 < 250 ms"], within: 5m}
    floors: {live: 16}
    declared: {chat: ["2026.12.0"]}

docs/actions.md says what every key means. Secrets are named here and kept elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from incidents.actions.documentreader import DocumentReader
from incidents.actions.kinds import KINDS
from observability.core.documents import WithProblems

SECRET_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """`settings` by the key of the kind; `secrets` are the names of what is kept encrypted, by key."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    line: int = 1

    @property
    def repeatable(self) -> bool:
        """Whether the same order twice is carried out once. A workflow that is dispatched twice runs twice."""
        return self.kind != "github" and bool(self.settings.get("repeatable", True))


@dataclass(frozen=True, slots=True)
class Completion:
    """A warm restart is done when this address has answered a prompt; seconds until it is given up."""

    url: str
    model: str
    within_seconds: int = 300


@dataclass(frozen=True, slots=True)
class Verify:
    """Conditions on signals that must hold within so many seconds of the action, else it is taken back or told."""

    expect: tuple[str, ...]
    within_seconds: int = 300
    otherwise: str = "tell"  # tell | undo


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One action of one service: who carries it out, with what, under which guards. Plain values: a run keeps a copy."""

    service: str
    action: str
    executor: ExecutorSpec
    parameters: Mapping[str, Any] = field(default_factory=dict)
    approvals: int = 1
    propose: str = "by_hand"  # by_hand | by_itself
    rehearse: bool = False  # the executor is asked to change nothing
    capacity: int | None = None  # requests that one replica runs at once
    blast_radius: float = 0.25  # of the replicas, at most
    cool_down_seconds: int = 600
    most_runs: int = 3
    most_in_seconds: int = 3600
    only_if: tuple[str, ...] = ()
    completion: Completion | None = None
    verify: Verify | None = None
    undo_after_seconds: int | None = None

    @property
    def title(self) -> str:
        return KINDS[self.action].title

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def from_json(stored: Mapping[str, Any]) -> Binding:
    """The binding that `as_json` wrote."""
    given = dict(stored)
    completion, verify = given["completion"], given["verify"]
    given["executor"] = ExecutorSpec(**given["executor"])
    given["completion"] = Completion(**completion) if completion else None
    given["verify"] = Verify(**{**verify, "expect": tuple(verify["expect"])}) if verify else None
    given["only_if"] = tuple(given["only_if"])
    return Binding(**given)


@dataclass(frozen=True, slots=True)
class Document:
    """`floors`: tag to the bits that it keeps; `declared`: service to versions whose answers are meant to differ."""

    executors: Mapping[str, ExecutorSpec] = field(default_factory=dict)
    bindings: tuple[Binding, ...] = ()
    floors: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: tuple[int, ...] = ()  # of the bindings

    def binding(self, *, service: str, action: str) -> Binding | None:
        return next((one for one in self.bindings if (one.service, one.action) == (service, action)), None)

    @property
    def proposes(self) -> bool:
        """Whether any binding is proposed without a person asking."""
        return any(one.propose == "by_itself" for one in self.bindings)


class DocumentRefused(WithProblems, ValueError):
    """The document has problems; each names its line, what was found and what was expected."""


@lru_cache(maxsize=64)
def load(text: str, *, file: str = "actions") -> Document:
    """The document of a YAML text, validated whole. Raises DocumentRefused."""
    reader = DocumentReader(file)
    found = reader.read(text, reader.document, refused=DocumentRefused)
    if found is None:
        return Document()
    executors = {name: ExecutorSpec(**given) for name, given in found["executors"].items()}
    bindings = [_binding(given, executors) for given in found["bindings"]]
    return Document(executors, tuple(bindings), found["floors"], found["declared"], tuple(found["lines"]))


def _binding(given: dict[str, Any], executors: Mapping[str, ExecutorSpec]) -> Binding:
    completion, verify = given.pop("completion", None), given.pop("verify", None)
    return Binding(
        **{**given, "executor": executors[given["executor"]]},
        completion=Completion(**completion) if completion else None,
        verify=Verify(**verify) if verify else None,
    )
