"""The decision tree and its evaluation.

A tree asks its nodes one after another until it stands on a leaf. Its three branches (SLO breach, quality or safety
drop, cost or traffic shift) are all asked; the first yes decides the first response, the others are kept as rivals.
An evaluation always ends in exactly one leaf: a node's first answer that holds is taken, else its `otherwise`; where none of
its answers can be told, "cannot tell". A service without retrieval lacks that answer, not the question.

Confidence of a leaf = ceiling x (weight of the expectations met, those nobody can tell counting half) / all weight,
less 0.10 for each "cannot tell" on the path, between 0.05 and the ceiling.
Ceiling 0.95, weights 3 met + 2 met + 1 untold: 0.95 x 5.5 / 6 = 0.87.
A rival is a leaf whose heaviest expectation is met. Its confidence is the same figure with untold expectations
counting a quarter, halved off the path (at least one answer spoke against it), or x 0.9 where another branch that also
said yes ended on it. Rivals under 0.10 are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from incidents.diagnosis.conditions import Condition, judge, show
from incidents.diagnosis.evidence import Evidence
from incidents.diagnosis.signals import SIGNALS, Signals, sentence, text

CANNOT_TELL = "cannot tell"
YES, NO = "yes", "no"
_UNTOLD_PENALTY = 0.10
_LEAST = 0.05
_OFF_PATH, _OTHER_BRANCH = 0.5, 0.9
_RIVAL_FROM, _RIVALS = 0.10, 4
_UNTOLD, _RIVAL_UNTOLD = 0.5, 0.25  # what an expectation nobody can tell is worth
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Edge:
    answer: str
    to: str
    when: Condition | None  # None: otherwise


@dataclass(frozen=True, slots=True)
class Node:
    id: str
    question: str
    edges: tuple[Edge, ...]
    show: tuple[str, ...] = ()
    cannot_tell: str | None = None  # where to go when nobody can tell; else where `otherwise` goes

    @property
    def targets(self) -> tuple[str, ...]:
        targets = [edge.to for edge in self.edges]
        return tuple(dict.fromkeys([*targets, self.cannot_tell] if self.cannot_tell else targets))


@dataclass(frozen=True, slots=True)
class Expectation:
    when: Condition
    weight: float


@dataclass(frozen=True, slots=True)
class FirstAction:
    action: str
    text: str


@dataclass(frozen=True, slots=True)
class Leaf:
    id: str
    title: str
    cause: str
    headline: str
    refuted_by: str
    first_action: FirstAction
    runbook: str
    page: bool
    severity: int
    ceiling: float
    expects: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """`early`: the node that is asked where no branch said yes; its yes decides this branch all the same."""

    name: str
    node: str
    first_response: str
    early: str | None = None


@dataclass(frozen=True, slots=True)
class Lowering:
    """What speaks for an innocent cause of everything: it makes any leaf less sure and hides none."""

    when: Condition
    to: float  # what is left of the confidence
    because: str


@dataclass(frozen=True, slots=True)
class Tree:
    name: str
    version: int
    root: str
    branches: tuple[Branch, ...]
    nodes: Mapping[str, Node]
    leaves: Mapping[str, Leaf]
    lowers: tuple[Lowering, ...] = ()

    def parents(self) -> dict[str, tuple[str, str]]:
        """Node or leaf -> (its first parent, the answer that leads there)."""
        found: dict[str, tuple[str, str]] = {}
        for node in self.nodes.values():
            for edge in node.edges:
                found.setdefault(edge.to, (node.id, edge.answer))
            if node.cannot_tell:
                found.setdefault(node.cannot_tell, (node.id, CANNOT_TELL))
        return found

    def leaves_below(self, start: str) -> Iterator[str]:
        if start in self.leaves:
            yield start
        else:
            for target in self.nodes[start].targets:
                yield from self.leaves_below(target)


@dataclass(frozen=True, slots=True)
class Asked:
    """A node that was asked: its answer, the evidence, where the answer leads."""

    node: str
    answer: str
    to: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Rival:
    leaf: str
    confidence: float
    why: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    tree: Tree
    leaf: Leaf
    confidence: float
    steps: tuple[Asked, ...]  # the path, from the root
    aside: tuple[Asked, ...]  # asked, not on the path
    expectations: tuple[Evidence, ...]  # what the leaf expects, as found
    rivals: tuple[Rival, ...]
    branches: Mapping[str, bool | None]
    branch: Branch | None  # the first yes; where none said yes, the one whose early node did
    headline: str
    lowered: tuple[str, ...] = ()  # why the confidence is lower than the leaf's evidence alone gives

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(f"{step.node}={step.answer}" for step in self.steps)

    @property
    def page(self) -> bool:
        return self.leaf.page

    @property
    def first_response(self) -> str:
        """The branch's where it said yes; of an early sign, or of none, the leaf's own."""
        if self.branch and self.branches[self.branch.name]:
            return self.branch.first_response
        return self.leaf.first_action.text


def evaluate(*, tree: Tree, signals: Signals, whole: bool = True) -> Diagnosis:
    """`whole`: also where no branch said yes the leaves of all are weighed as rivals; without it a healthy service costs the path."""
    asked: dict[str, Asked] = {}

    def ask(node_id: str) -> Asked:
        if node_id not in asked:
            asked[node_id] = _ask(tree.nodes[node_id], signals)
        return asked[node_id]

    def walk(start: str) -> tuple[list[Asked], str]:
        steps, here = [], start
        while here in tree.nodes:
            steps.append(ask(here))
            here = steps[-1].to
        return steps, here

    steps, leaf_id = walk(tree.root)
    branches = {branch.name: _truth(ask(branch.node).answer) for branch in tree.branches}
    said_yes = [branch for branch in tree.branches if branches[branch.name]]
    if not said_yes:
        answers = {step.node: step.answer for step in steps}
        said_yes = [branch for branch in tree.branches if branch.early and answers.get(branch.early) == YES]
    untold = sum(step.answer == CANNOT_TELL for step in steps)
    confidence, found = _confidence(tree.leaves[leaf_id], signals, untold)
    other_ends = {walk(ask(branch.node).to)[1] for branch in said_yes if branches[branch.name]} - {leaf_id}
    rivals = _rivals(tree, signals, leaf_id, said_yes or tree.branches, other_ends) if whole or said_yes else ()
    on_path = {step.node for step in steps}
    lowering = [one for one in tree.lowers if judge(condition=one.when, signals=signals).holds]
    for one in lowering:
        confidence = max(_LEAST, confidence * one.to)
    return Diagnosis(
        tree=tree,
        leaf=tree.leaves[leaf_id],
        confidence=confidence,
        steps=tuple(steps),
        aside=tuple(one for one in asked.values() if one.node not in on_path),
        expectations=found,
        rivals=rivals,
        branches=branches,
        branch=said_yes[0] if said_yes else None,
        headline=_headline(tree.leaves[leaf_id], signals),
        lowered=tuple(one.because for one in lowering),
    )


def _ask(node: Node, signals: Signals) -> Asked:
    shown: list[Evidence] = []
    otherwise = node.edges[-1]
    told: list[bool | None] = []
    for edge in node.edges:
        if edge.when is None:
            continue
        verdict = judge(condition=edge.when, signals=signals)
        if verdict.holds:
            return Asked(node.id, edge.answer, edge.to, _evidence(node, signals, [*verdict.evidence, *shown]))
        shown.extend(verdict.evidence)
        told.append(verdict.holds)
    evidence = _evidence(node, signals, shown)
    if told and all(holds is None for holds in told):
        return Asked(node.id, CANNOT_TELL, node.cannot_tell or otherwise.to, evidence)
    return Asked(node.id, otherwise.answer, otherwise.to, evidence)


def _evidence(node: Node, signals: Signals, judged: list[Evidence]) -> tuple[Evidence, ...]:
    """The taken answer's numbers first, then the others', then those only shown; each signal and threshold once."""
    once = {(item.signal, item.threshold): item for item in reversed(judged)}
    ordered = list(dict.fromkeys((one.signal, one.threshold) for one in judged))
    judged_signals = {item.signal for item in judged}
    shown = [show(name=name, signals=signals) for name in node.show if name not in judged_signals]
    return tuple([once[key] for key in ordered] + shown)


def _truth(answer: str) -> bool | None:
    return None if answer == CANNOT_TELL else answer == YES


def _share_met(leaf: Leaf, signals: Signals, untold_worth: float) -> tuple[float, tuple[Evidence, ...]]:
    met = total = 0.0
    found: list[Evidence] = []
    for expectation in leaf.expects:
        verdict = judge(condition=expectation.when, signals=signals)
        found.extend(verdict.evidence)
        total += expectation.weight
        met += expectation.weight * (untold_worth if verdict.holds is None else float(verdict.holds))
    return met / total if total else 1.0, tuple(found)


def _confidence(leaf: Leaf, signals: Signals, untold: int) -> tuple[float, tuple[Evidence, ...]]:
    share, found = _share_met(leaf, signals, _UNTOLD)
    return max(_LEAST, min(leaf.ceiling, leaf.ceiling * share - _UNTOLD_PENALTY * untold)), found


def _rivals(
    tree: Tree, signals: Signals, chosen: str, among: Sequence[Branch], other_ends: set[str]
) -> tuple[Rival, ...]:
    """Leaves of these branches."""
    starts = [edge.to for branch in among for edge in tree.nodes[branch.node].edges if edge.answer == YES]
    below = dict.fromkeys(leaf for start in starts for leaf in tree.leaves_below(start))
    rivals = []
    for leaf_id in below:
        leaf = tree.leaves[leaf_id]
        if leaf_id == chosen or not leaf.expects:
            continue
        heaviest = max(leaf.expects, key=lambda expectation: expectation.weight)
        if not judge(condition=heaviest.when, signals=signals).holds:
            continue
        share, found = _share_met(leaf, signals, _RIVAL_UNTOLD)
        confidence = leaf.ceiling * share * (_OTHER_BRANCH if leaf_id in other_ends else _OFF_PATH)
        if confidence >= _RIVAL_FROM:
            rivals.append(Rival(leaf_id, confidence, _why(found)))
    return tuple(sorted(rivals, key=lambda rival: -rival.confidence)[:_RIVALS])


def _why(found: tuple[Evidence, ...]) -> str:
    speaks_for = [item.sentence for item in found if item.met]
    against = [item.sentence for item in found if item.met is False]
    untold = [item.sentence for item in found if item.met is None]
    parts = [("for", speaks_for), ("against", against), ("untold", untold)]
    return "; ".join(f"{name}: {', '.join(dict.fromkeys(items))}" for name, items in parts if items)


def _headline(leaf: Leaf, signals: Signals) -> str:
    """The leaf's headline with each `{signal}` told; its title and cause where a number is missing."""
    told = {}
    for name in headline_signals(leaf.headline):
        answer = signals.ask(name)
        if answer.value is None:
            return f"{leaf.title}: {leaf.cause}"
        told[name] = text(answer.value, SIGNALS[name].unit)
        told[f"{name}.detail"] = f" ({answer.detail})" if answer.detail else ""
    return _PLACE.sub(lambda place: told[place[1]], leaf.headline)


def headline_signals(headline: str) -> list[str]:
    """The signals a headline names as `{signal}` or `{signal.detail}`."""
    return [place.removesuffix(".detail") for place in _PLACE.findall(headline)]


def breach_sentence(signals: Signals) -> str | None:
    """ "chat is burning its latency budget 20.1 times too fast", or None when nothing burns."""
    answer = signals.ask("burn_rate")
    return sentence("burn_rate", answer) if answer.value else None
