"""A tree is validated whole: each bad one names file, line, path, what was found and what was expected."""

from __future__ import annotations

import pytest

from incidents.diagnosis.treefile import TreeInvalidError, parse
from observability.core.documents import Problem

GOOD = """\
tree: small
version: 3
root: slo
branches:
  slo: {node: slo, first_response: Protect.}
  quality: {node: quality, first_response: Replay.}
  cost: {node: cost, first_response: Look.}
nodes:
  slo:
    question: SLO breach?
    show: [burn_rate]
    answers:
      yes: {when: page_breaches > 0 count, to: spike}
      no: {otherwise: true, to: quality}
  quality:
    question: Quality?
    answers:
      yes: {when: {any: [answer_similarity < 0.92 cosine, similarity_fall > 0.05 cosine]}, to: worse}
      no: {otherwise: true, to: cost}
  cost:
    question: Cost?
    cannot_tell: nothing
    answers:
      yes: {when: cost_findings > 0 count, to: dear}
      no: {otherwise: true, to: nothing}
leaves:
  spike: &leaf
    title: A title
    cause: A cause.
    headline: "traffic is {traffic_factor}"
    refuted_by: Something else.
    first_action: {action: tighten_admission, text: Tighten.}
    runbook: traffic-spike
    page: true
    severity: 2
    confidence: {ceiling: 0.9, expects: [{when: traffic_factor > 1.5 x, weight: 2}]}
  worse: *leaf
  dear: *leaf
  nothing: *leaf
"""


def problems(source: str) -> tuple[Problem, ...]:
    with pytest.raises(TreeInvalidError) as invalid:
        parse(source=source, file="tree.yaml")
    return invalid.value.problems


def test_a_good_tree() -> None:
    tree = parse(source=GOOD, file="tree.yaml")
    assert (tree.name, tree.version, list(tree.nodes)) == ("small", 3, ["slo", "quality", "cost"])
    assert [edge.answer for edge in tree.nodes["slo"].edges] == ["yes", "no"]
    assert list(tree.leaves_below("quality")) == ["worse", "dear", "nothing"]
    assert tree.parents()["cost"] == ("quality", "no")


@pytest.mark.parametrize(
    ("what", "old", "new", "line", "path", "found", "expected"),
    [
        ("an unknown signal", "page_breaches > 0", "page_braeches > 0", 13, "nodes.slo.answers.yes.when",
         "signal 'page_braeches'", "a known signal (did you mean page_breaches?)"),
        ("a threshold without a unit", "page_breaches > 0 count", "page_breaches > 0", 13, "nodes.slo.answers.yes.when",
         "no unit on page_breaches", "one of count"),
        ("a unit that does not fit", "answer_similarity < 0.92 cosine", "answer_similarity < 0.92 ms", 18,
         "nodes.quality.answers.yes.when.any.0", "unit 'ms' on answer_similarity", "one of cosine"),
        ("a condition that is none", "cost_findings > 0 count", "lots", 24, "nodes.cost.answers.yes.when", "'lots'",
         "'<signal> <|> <number> <unit>', such as 'ttft_p95 > 250 ms'"),
        ("a target that is not there", "to: dear", "to: deer", 24, "nodes.cost.answers.yes.to", "'deer'", "the id of a node or leaf"),
        ("a leaf nobody reaches", "to: dear", "to: worse", 38, "leaves.dear", "no way to it", "a way from the root 'slo'"),
        ("a cycle", "no: {otherwise: true, to: cost}", "no: {otherwise: true, to: slo}", 9, "nodes.slo",
         "a cycle: slo -> quality -> slo", "no cycle"),
        ("a node twice", "  cost:\n    question", "  quality:\n    question", 20, "nodes.quality",
         "'quality' twice", "each key and id once"),
        ("no otherwise", "{otherwise: true, to: nothing}", "{when: cost_findings < 1 count, to: nothing}", 23, "nodes.cost.answers",
         "answers yes, no", "exactly one 'otherwise', the last"),
        ("a branch without yes", "      yes: {when: cost_f", "      sure: {when: cost_f", 23, "nodes.cost.answers", "sure, no",
         "yes and no, for it is a question of branch cost"),
        ("a signal to show that is unknown", "[burn_rate]", "[burnrate]", 11, "nodes.slo.show.0", "signal 'burnrate'", "a known signal"),
        ("a headline with an unknown signal", "{traffic_factor}", "{traffic}", 30, "leaves.spike.headline", "signal 'traffic'",
         "a known signal between braces"),
        ("an unknown action", "action: tighten_admission", "action: pray", 32, "leaves.spike.first_action.action", "str 'pray'", None),
        ("a severity out of range", "severity: 2", "severity: 7", 35, "leaves.spike.severity", "int 7", "a number from 1 to 5"),
        ("a ceiling that claims certainty", "ceiling: 0.9", "ceiling: 1.0", 36, "leaves.spike.confidence.ceiling", "float 1.0",
         "a number from 0.05 to 0.99"),
        ("page that is no truth", "page: true", "page: maybe", 34, "leaves.spike.page", "str 'maybe'", "true or false"),
        ("an unknown key", "    show:", "    shows:", 11, "nodes.slo.shows", "key 'shows'", "one of question, answers, show, cannot_tell"),
        ("a missing key", "version: 3\n", "", 1, "", "no 'version'", "the keys tree, version, root, branches, nodes, leaves"),
        ("a root that is no node", "root: slo", "root: slow", 3, "root", "'slow'", "the id of a node"),
        ("a branch's node that is none", "{node: quality,", "{node: qualities,", 6, "branches.quality.node", "node 'qualities'",
         "the id of a node"),
        ("a broken file", "root: slo", "root: [slo", None, "", None, "YAML"),
        ("both when and otherwise", "{otherwise: true, to: cost}", "{otherwise: true, when: outage > 0 count, to: cost}", 19,
         "nodes.quality.answers.no", "both or neither of 'when' and 'otherwise'", "'when: <condition>' or 'otherwise: true'"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_a_bad_tree_is_refused_with_where_and_why(
    what: str, old: str, new: str, line: int | None, path: str, found: str | None, expected: str | None
) -> None:
    assert old in GOOD
    here = [one for one in problems(GOOD.replace(old, new, 1)) if one.path == path]
    assert here, what
    problem = here[0]
    assert problem.file == "tree.yaml"
    assert line is None or problem.line == line
    assert found is None or problem.found == found
    assert expected is None or problem.expected == expected


def test_all_problems_are_told_at_once() -> None:
    bad = (
        GOOD.replace("page_breaches > 0 count", "page_breaches > 0")
        .replace("to: dear", "to: deer")
        .replace("severity: 2", "severity: 0")
    )
    told = {problem.path for problem in problems(bad)}
    assert {"nodes.slo.answers.yes.when", "nodes.cost.answers.yes.to", "leaves.spike.severity", "leaves.dear"} <= told


def test_a_problem_reads_as_a_line() -> None:
    [problem] = problems(GOOD.replace("page_breaches > 0 count", "page_breaches > 0"))
    assert (
        str(problem)
        == "tree.yaml:13: nodes.slo.answers.yes.when: found no unit on page_breaches, expected one of count"
    )


@pytest.mark.parametrize(
    "source", ["", "42", "[]", "tree: x", "nodes: []\nleaves: 3", "nodes: {a: {show: 3, answers: [x]}}"]
)
def test_what_is_no_tree_at_all_is_refused_with_words(source: str) -> None:
    assert all(problem.expected for problem in problems(source))
