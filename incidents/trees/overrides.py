"""Another threshold for one service, at one place of the tree: the same signal and direction, another number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from incidents.diagnosis.conditions import BadConditionError, Condition, Group, Test, parse_test
from incidents.diagnosis.tree import Tree


@dataclass(frozen=True, slots=True)
class Override:
    """At node or leaf `place`: "inter_token_factor > 3 x" instead of "inter_token_factor > 2 x"."""

    place: str
    was: str
    becomes: str


class BadOverrideError(ValueError):
    """What was found where what was expected."""


def check(*, tree: Tree, override: Override) -> None:
    """Raises BadOverrideError where the place, the old threshold or the new one does not fit this tree."""
    if override.place not in tree.nodes and override.place not in tree.leaves:
        raise BadOverrideError(f"place: found {override.place!r}, expected the id of a node or leaf of the tree")
    was, becomes = _test("was", override.was), _test("becomes", override.becomes)
    there = tests_at(tree, override.place)
    if was not in there:
        told = ", ".join(f"{one.signal} {one.threshold}" for one in there) or "no threshold"
        raise BadOverrideError(f"was: found {override.was!r}, expected one of {override.place}'s: {told}")
    if (was.signal, was.op) != (becomes.signal, becomes.op):
        raise BadOverrideError(
            f"becomes: found {override.becomes!r}, expected {was.signal} {was.op} and another number with its unit"
        )


def apply(*, tree: Tree, overrides: Iterable[Override]) -> Tree:
    """The tree with these thresholds; one that no longer fits the tree changes nothing."""
    for override in overrides:
        try:
            check(tree=tree, override=override)
        except BadOverrideError:
            continue
        tree = _applied(tree, override)
    return tree


def tests_at(tree: Tree, place: str) -> tuple[Test, ...]:
    """Every threshold at a node or leaf, in order, each once."""
    if place in tree.nodes:
        conditions = [edge.when for edge in tree.nodes[place].edges if edge.when is not None]
    else:
        conditions = [expectation.when for expectation in tree.leaves[place].expects]
    return tuple(dict.fromkeys(test for condition in conditions for test in _tests(condition)))


def _test(name: str, written: str) -> Test:
    try:
        return parse_test(written)
    except BadConditionError as error:
        raise BadOverrideError(f"{name}: {error}") from error


def _tests(condition: Condition) -> Iterable[Test]:
    if isinstance(condition, Test):
        yield condition
    else:
        for member in condition.members:
            yield from _tests(member)


def _applied(tree: Tree, override: Override) -> Tree:
    was, becomes = parse_test(override.was), parse_test(override.becomes)

    def other(condition: Condition) -> Condition:
        if isinstance(condition, Group):
            return replace(condition, members=tuple(other(member) for member in condition.members))
        return becomes if condition == was else condition

    if override.place in tree.nodes:
        node = tree.nodes[override.place]
        edges = tuple(replace(edge, when=None if edge.when is None else other(edge.when)) for edge in node.edges)
        return replace(tree, nodes={**tree.nodes, node.id: replace(node, edges=edges)})
    leaf = tree.leaves[override.place]
    expects = tuple(replace(one, when=other(one.when)) for one in leaf.expects)
    return replace(tree, leaves={**tree.leaves, leaf.id: replace(leaf, expects=expects)})
