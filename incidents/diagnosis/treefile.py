"""A tree from YAML, validated whole: every problem with its file, line, path, what was found and what was expected.
Nothing is half applied: parse returns a Tree or raises TreeInvalidError with all problems.

What is checked: keys and types; ids unique (also between nodes and leaves); every target exists; every node and leaf
is reachable from the root; no cycle (a node or leaf may have several parents; it is drawn under the one it was come by);
every signal is known and every threshold carries a unit that fits it; each node ends with one `otherwise`; each
branch's node answers yes and no; confidence figures in range.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import yaml

from incidents.diagnosis.conditions import BadConditionError, Condition, Group, parse_test
from incidents.diagnosis.signals import SIGNALS
from incidents.diagnosis.tree import (
    NO,
    YES,
    Branch,
    Edge,
    Expectation,
    FirstAction,
    Leaf,
    Lowering,
    Node,
    Tree,
    headline_signals,
)
from observability.core.documents import Problem, WithProblems

_ID = re.compile(r"^[a-z][a-z0-9_-]*$")
ACTIONS = frozenset(
    {"tighten_admission", "scale_out", "warm_restart", "rollback", "switch_variant", "drain", "fail_over", "limit_tenant",
     "freeze_deploys", "check_power", "page_vendor", "observe"}
)  # fmt: skip
Path = tuple[str | int, ...]


class TreeInvalidError(WithProblems, ValueError):
    """The document is no tree; nothing of it is used."""


#: By the C library where it is there: ten times as fast, with the same lines.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]  # either of two classes
    """YAML without the surprise that `yes` and `no` are booleans."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


class _Reader:
    """Walks the document with a path in hand and gathers problems."""

    def __init__(self, files: Sequence[tuple[str, str]]) -> None:
        self.files = files
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def load(self) -> Any:
        source = "".join(text if text.endswith("\n") else f"{text}\n" for _, text in self.files)
        try:
            composed = yaml.compose(source, Loader=_Loader)
            document = yaml.load(source, Loader=_Loader)  # noqa: S506  a SafeLoader with fewer booleans
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise TreeInvalidError([Problem(*self._place(line), "", str(error.problem), "YAML")]) from error
        if composed is not None:
            self._mark(composed, ())
        return document

    def _mark(self, node: yaml.Node, path: Path) -> None:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._mark(item, (*path, index))
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                self._mark(value, (*path, key.value))
                self.lines[(*path, key.value)] = key.start_mark.line + 1
                if key.value in seen:
                    self.bad((*path, key.value), f"{key.value!r} twice", "each key and id once")
                seen.add(key.value)

    def bad(self, path: Path, found: str, expected: str) -> None:
        line = next((self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 1)
        self.problems.append(Problem(*self._place(line), ".".join(str(part) for part in path), found, expected))

    def _place(self, line: int) -> tuple[str, int]:
        """The file, and the line in it, of a line of the whole document."""
        for file, text in self.files[:-1]:
            length = len(text.splitlines())
            if line <= length:
                return file, line
            line -= length
        return self.files[-1][0], line

    def mapping(
        self, value: Any, path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.bad(path, _named(value), "a mapping")
            return {}
        for key in required:
            if key not in value:
                self.bad(path, f"no {key!r}", f"the keys {', '.join(required)}")
        for key in value:
            if key not in required and key not in optional:
                self.bad((*path, key), f"key {key!r}", f"one of {', '.join(required + optional)}")
        return value

    def table(self, value: Any, path: Path) -> dict[str, Any]:
        """A mapping whose keys are ids."""
        if not isinstance(value, dict) or not value:
            self.bad(path, _named(value), "a mapping by id")
            return {}
        return {str(key): item for key, item in value.items()}

    def string(self, value: Any, path: Path) -> str:
        if not isinstance(value, str) or not value.strip():
            self.bad(path, _named(value), "a text")
            return ""
        return " ".join(value.split())

    def number(self, value: Any, path: Path, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.bad(path, _named(value), f"a number from {low:g} to {high:g}")
            return low
        return float(value)

    def condition(self, value: Any, path: Path) -> Condition | None:
        if isinstance(value, str):
            try:
                return parse_test(value)
            except BadConditionError as error:
                self.bad(path, error.found, error.expected)
                return None
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in {"any", "all"}:
            kind, members = next(iter(value.items()))
            if not isinstance(members, list) or not members:
                self.bad((*path, kind), _named(members), "a list of conditions")
                return None
            parsed = [self.condition(member, (*path, kind, index)) for index, member in enumerate(members)]
            return Group("any" if kind == "any" else "all", tuple(member for member in parsed if member is not None))
        self.bad(path, _named(value), "a condition: '<signal> > <number> <unit>', {any: [...]} or {all: [...]}")
        return None


def _named(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r:.60}"


def parse(*, source: str, file: str, runbooks: Collection[str] = ()) -> Tree:
    """Raises TreeInvalidError with every problem. Where `runbooks` are given, leaves may name only these."""
    return parse_files(files=((file, source),), runbooks=runbooks)


def parse_files(*, files: Sequence[tuple[str, str]], runbooks: Collection[str] = ()) -> Tree:
    """A tree in several files (name, text), one after the other, as one document. Raises TreeInvalidError."""
    reader = _Reader(files)
    top = reader.mapping(reader.load(), (), ("tree", "version", "root", "branches", "nodes", "leaves"), ("lowers",))
    nodes = {
        node_id: _node(reader, node_id, value) for node_id, value in reader.table(top.get("nodes"), ("nodes",)).items()
    }
    leaves = {
        leaf_id: _leaf(reader, leaf_id, value)
        for leaf_id, value in reader.table(top.get("leaves"), ("leaves",)).items()
    }
    branches = _branches(reader, top.get("branches"), nodes)
    tree = Tree(
        name=reader.string(top.get("tree"), ("tree",)),
        version=int(reader.number(top.get("version"), ("version",), 1, 1_000_000)),
        root=reader.string(top.get("root"), ("root",)),
        branches=branches,
        nodes=nodes,
        leaves=leaves,
        lowers=_lowers(reader, top.get("lowers") or []),
    )
    _check_shape(reader, tree)
    for leaf in tree.leaves.values():
        if runbooks and leaf.runbook and leaf.runbook not in runbooks:
            close = get_close_matches(leaf.runbook, runbooks, n=1)
            expected = f"a known runbook (did you mean {close[0]}?)" if close else "a known runbook"
            reader.bad(("leaves", leaf.id, "runbook"), repr(leaf.runbook), expected)
    if reader.problems:
        raise TreeInvalidError(reader.problems)
    return tree


def _node(reader: _Reader, node_id: str, value: Any) -> Node:
    path: Path = ("nodes", node_id)
    if not _ID.match(str(node_id)):
        reader.bad(path, f"id {node_id!r}", "lower case letters, digits, - and _")
    fields = reader.mapping(value, path, ("question", "answers"), ("show", "cannot_tell"))
    shown = fields.get("show") or []
    if not isinstance(shown, list):
        reader.bad((*path, "show"), _named(shown), "a list of signals")
        shown = []
    for index, name in enumerate(shown):
        if name not in SIGNALS:
            reader.bad((*path, "show", index), f"signal {name!r}", "a known signal")
    answers = reader.table(fields.get("answers"), (*path, "answers"))
    edges = [_edge(reader, (*path, "answers", answer), answer, edge) for answer, edge in answers.items()]
    if sum(edge.when is None for edge in edges) != 1 or (edges and edges[-1].when is not None):
        reader.bad(
            (*path, "answers"), f"answers {', '.join(map(str, answers)) or 'none'}", "exactly one 'otherwise', the last"
        )
    untold = fields.get("cannot_tell")
    return Node(
        id=str(node_id),
        question=reader.string(fields.get("question"), (*path, "question")),
        edges=tuple(edges),
        show=tuple(name for name in shown if name in SIGNALS),
        cannot_tell=None if untold is None else reader.string(untold, (*path, "cannot_tell")),
    )


def _edge(reader: _Reader, path: Path, answer: Any, value: Any) -> Edge:
    fields = reader.mapping(value, path, ("to",), ("when", "otherwise"))
    to = reader.string(fields.get("to"), (*path, "to"))
    if ("when" in fields) == bool(fields.get("otherwise")):
        reader.bad(path, "both or neither of 'when' and 'otherwise'", "'when: <condition>' or 'otherwise: true'")
    when = reader.condition(fields["when"], (*path, "when")) if "when" in fields else None
    return Edge(str(answer), to, when if "when" not in fields or when is not None else Group("any", ()))


def _leaf(reader: _Reader, leaf_id: str, value: Any) -> Leaf:
    path: Path = ("leaves", leaf_id)
    if not _ID.match(str(leaf_id)):
        reader.bad(path, f"id {leaf_id!r}", "lower case letters, digits, - and _")
    texts = ("title", "cause", "headline", "refuted_by", "runbook")
    fields = reader.mapping(value, path, (*texts, "first_action", "page", "severity", "confidence"))
    said = {name: reader.string(fields.get(name), (*path, name)) for name in texts}
    for name in headline_signals(said["headline"]):
        if name not in SIGNALS:
            reader.bad((*path, "headline"), f"signal {name!r}", "a known signal between braces")
    action = reader.mapping(fields.get("first_action"), (*path, "first_action"), ("action", "text"))
    if action and action.get("action") not in ACTIONS:
        reader.bad(
            (*path, "first_action", "action"), _named(action.get("action")), f"one of {', '.join(sorted(ACTIONS))}"
        )
    if not isinstance(fields.get("page"), bool):
        reader.bad((*path, "page"), _named(fields.get("page")), "true or false")
    confidence = reader.mapping(fields.get("confidence"), (*path, "confidence"), ("ceiling",), ("expects",))
    return Leaf(
        id=str(leaf_id),
        title=said["title"],
        cause=said["cause"],
        headline=said["headline"],
        refuted_by=said["refuted_by"],
        runbook=said["runbook"],
        first_action=FirstAction(
            str(action.get("action")), reader.string(action.get("text"), (*path, "first_action", "text"))
        ),
        page=fields.get("page") is True,
        severity=int(reader.number(fields.get("severity"), (*path, "severity"), 1, 5)),
        ceiling=reader.number(confidence.get("ceiling"), (*path, "confidence", "ceiling"), 0.05, 0.99),
        expects=_expects(reader, confidence.get("expects") or [], (*path, "confidence", "expects")),
    )


def _expects(reader: _Reader, value: Any, path: Path) -> tuple[Expectation, ...]:
    if not isinstance(value, list):
        reader.bad(path, _named(value), "a list of {when, weight}")
        return ()
    expectations = []
    for index, item in enumerate(value):
        fields = reader.mapping(item, (*path, index), ("when", "weight"))
        when = reader.condition(fields.get("when"), (*path, index, "when"))
        weight = reader.number(fields.get("weight"), (*path, index, "weight"), 0.1, 100)
        if when is not None:
            expectations.append(Expectation(when, weight))
    return tuple(expectations)


def _branches(reader: _Reader, value: Any, nodes: Mapping[str, Node]) -> tuple[Branch, ...]:
    branches = []
    for name, item in reader.mapping(value, ("branches",), ("slo", "quality", "cost")).items():
        path: Path = ("branches", name)
        fields = reader.mapping(item, path, ("node", "first_response"), ("early",))
        node = reader.string(fields.get("node"), (*path, "node"))
        early = reader.string(fields["early"], (*path, "early")) if "early" in fields else None
        for key, one in (("node", node), ("early", early)):
            if one is None:
                continue
            if one not in nodes:
                reader.bad((*path, key), f"node {one!r}", "the id of a node")
            elif {edge.answer for edge in nodes[one].edges} != {YES, NO}:
                reader.bad(("nodes", one, "answers"), ", ".join(edge.answer for edge in nodes[one].edges),
                           f"yes and no, for it is a question of branch {name}")  # fmt: skip
        said = reader.string(fields.get("first_response"), (*path, "first_response"))
        branches.append(Branch(str(name), node, said, early))
    return tuple(branches)


def _lowers(reader: _Reader, value: Any) -> tuple[Lowering, ...]:
    if not isinstance(value, list):
        reader.bad(("lowers",), _named(value), "a list of {when, to, because}")
        return ()
    found = []
    for index, item in enumerate(value):
        path: Path = ("lowers", index)
        fields = reader.mapping(item, path, ("when", "to", "because"))
        when = reader.condition(fields.get("when"), (*path, "when"))
        to = reader.number(fields.get("to"), (*path, "to"), 0.1, 1.0)
        because = reader.string(fields.get("because"), (*path, "because"))
        if when is not None:
            found.append(Lowering(when, to, because))
    return tuple(found)


def _check_shape(reader: _Reader, tree: Tree) -> None:
    for both in sorted(tree.nodes.keys() & tree.leaves.keys()):
        reader.bad(("leaves", both), f"id {both!r} of a node and of a leaf", "each id once")
    if tree.root not in tree.nodes:
        reader.bad(("root",), repr(tree.root), "the id of a node")
        return
    for node in tree.nodes.values():
        for edge in node.edges:
            _check_target(reader, tree, ("nodes", node.id, "answers", edge.answer, "to"), edge.to)
        if node.cannot_tell is not None:
            _check_target(reader, tree, ("nodes", node.id, "cannot_tell"), node.cannot_tell)
    reached = _reach(reader, tree, tree.root, ())
    for kind, ids in (("nodes", tree.nodes), ("leaves", tree.leaves)):
        for one in ids:
            if one not in reached:
                reader.bad((kind, one), "no way to it", f"a way from the root {tree.root!r}")


def _check_target(reader: _Reader, tree: Tree, path: Path, target: str) -> None:
    if target not in tree.nodes and target not in tree.leaves:
        reader.bad(path, repr(target), "the id of a node or leaf")


def _reach(reader: _Reader, tree: Tree, here: str, above: tuple[str, ...]) -> set[str]:
    if here in above:
        reader.bad(("nodes", here), "a cycle: " + " -> ".join([*above[above.index(here) :], here]), "no cycle")
        return set()
    reached = {here}
    if here in tree.nodes:
        for target in tree.nodes[here].targets:
            reached |= _reach(reader, tree, target, (*above, here))
    return reached
