"""The shipped tree, from hand-made signals to a leaf."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.actions.guards import HELPS
from incidents.diagnosis import record
from incidents.diagnosis.answers import READERS
from incidents.diagnosis.shipped import tree
from incidents.diagnosis.signals import SIGNALS, Table
from incidents.diagnosis.tree import Diagnosis, breach_sentence, evaluate
from tests.incidents.diagnosis.situations import (
    BREACH,
    COST,
    DECODE,
    DOWN,
    LEAVES,
    PREFILL,
    QUALITY,
    QUEUE,
    SLOW_FIRST_TOKEN,
    TAIL,
    Situation,
    table,
)

TREE = tree()
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def look(*changes: Situation) -> Diagnosis:
    return evaluate(tree=TREE, signals=table(*changes))


def test_every_signal_has_its_reader_and_every_leaf_its_situation_and_its_advice() -> None:
    assert READERS.keys() == SIGNALS.keys()
    assert TREE.leaves.keys() == LEAVES.keys() == HELPS.keys()


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_leaf_is_reached_by_its_own_situation(leaf: str) -> None:
    assert look(LEAVES[leaf]).leaf.id == leaf


def test_the_path_of_a_traffic_spike() -> None:
    found = look(LEAVES["traffic-spike"])
    assert found.path == (
        "slo_breach=yes",
        "replicas_answer=yes",
        "errors_without_slowness=no",
        "one_part=everything",
        "where=queue",
        "traffic=up",
    )
    assert found.branches == {"slo": True, "quality": False, "cost": False}
    assert found.first_response.startswith("Protect: tighten admission")
    assert found.confidence == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("what", "changes", "leaf"),
    [
        ("a power cap whose slow requests pile up a queue late", {**QUEUE, **DECODE, "gpu_clock_factor": 0.4}, "decode-slowdown"),
        ("a traffic spike whose bigger batch slows tokens", {**QUEUE, "traffic_factor": 2.5, "inter_token_factor": 2.4}, "traffic-spike"),
        ("a spike on GPUs whose clock falls a little", {**QUEUE, "traffic_factor": 2.5, "gpu_clock_factor": 0.8}, "traffic-spike"),
        ("long prompts that slow the tokens of others",
         {**PREFILL, "prompt_length_factor": 5, "inter_token_factor": 4}, "long-prompt-flood"),
        ("long prompts behind which a queue grows", {**QUEUE, "prefill_growth": 0.2, "prompt_length_factor": 5}, "long-prompt-flood"),
        ("many preemptions but room in the cache", {**QUEUE, "preemption_share": 0.5}, "queue-unexplained"),
        ("a replica down that makes the others slow", {**QUEUE, **DOWN}, "replica-outage"),
        ("time-outs of a slow service", {**QUEUE, "error_share": 0.1, "traffic_factor": 3}, "traffic-spike"),
        ("a slow batch service whose errors stand alone", {**BREACH, "error_share": 0.1, "ttft_p95": 4.0}, "error-spike"),
        ("a total outage whose metrics vanished", {**LEAVES["service-outage"], "error_share": None}, "service-outage"),
        ("no stage histograms at all, tokens slow, clock down",
         {**DECODE, "gpu_clock_factor": 0.5, "queue_share": None, "queue_growth_share": None}, "decode-slowdown"),
        ("a regression while a tenant runs away", {**LEAVES["quality-regression"], **COST}, "quality-regression"),
        ("a breach that nothing localises", SLOW_FIRST_TOKEN, "unexplained"),
        ("few places: the first in line are served as before",
         {**QUEUE, "queue_growth": 0.9, "ttft_p50_factor": 1.3, "ttft_p95_factor": 50}, "queue-unexplained"),
        ("slow prefill in a busy quarter of an hour: a crowd queues, it does not lengthen prefill",
         {**QUEUE, "traffic_factor": 1.9, "queue_growth_share": 0.55, "prefill_growth_share": 0.45, "prefill_growth": 0.4}, "prefill-slow"),
        ("a few very long documents, in a mean of prompts", {**TAIL, "prompt_length_factor": 1.8, "prefix_hit_fall": 0.3}, "slow-tail"),
        ("longer prompts, as much of them cached as before", {**PREFILL, "prefix_hit_fall": 0.3}, "prefill-slow"),
        ("an engine that hangs and whose requests time out",
         {**BREACH, "outage": 1, "error_share": 1.0, "engines_hanging": 1}, "stall"),
        ("the greatest tenant stays away and another takes its place",
         {**COST, "shift_findings": 1, "other_tenants_factor": 0.6}, "traffic-mix-shift"),
        ("everybody's answers grow, the greatest tenant's most", {**COST, "other_tenants_factor": 4.0}, "cost-anomaly"),
        ("half of the tool calls break, the answers say the same",
         {"worst_slice_wrong_rise": 0.9, "format_violation_share": 0.5, "schema_violation_share": 0.5}, "schema-break"),
    ],
)  # fmt: skip
def test_traps(what: str, changes: Situation, leaf: str) -> None:
    assert look(changes).leaf.id == leaf, what


def test_a_replay_that_finds_no_difference_clears_the_new_version() -> None:
    cleared = look(
        LEAVES["quality-regression"],
        {"replay_slices_judged": 3, "replay_slices_worse": 0, "version_similarity_gap": None},
    )
    assert cleared.path[-1] == "replay=same"
    assert cleared.leaf.id == "quality-drift"


def test_a_replay_that_is_not_configured_says_so_and_the_versions_are_compared() -> None:
    found = look({**QUALITY, "changes_nearby": 1, "version_similarity_gap": 0.17})
    replay = next(step for step in found.steps if step.node == "replay")
    assert replay.answer == "worse"
    assert [item.signal for item in replay.evidence] == ["replay_slices_worse", "version_similarity_gap"]
    untold = look({**QUALITY, "changes_nearby": 1})
    assert "replay=cannot tell" in untold.path
    assert untold.leaf.id == "quality-regression"
    assert untold.confidence < found.confidence


def test_three_questions_are_asked_the_first_yes_decides_and_the_others_stay_as_rivals() -> None:
    found = look(LEAVES["traffic-spike"], LEAVES["quality-regression"], COST, {"traffic_factor": 2.6})
    assert found.branches == {"slo": True, "quality": True, "cost": True}
    assert found.leaf.id == "traffic-spike"
    assert {rival.leaf for rival in found.rivals} >= {"quality-regression", "runaway-tenant"}
    assert found.rivals == tuple(sorted(found.rivals, key=lambda rival: -rival.confidence))


def test_questions_of_branches_that_said_no_are_not_asked() -> None:
    signals = table(LEAVES["traffic-spike"])
    evaluate(tree=TREE, signals=signals)
    assert not {"top_tenant_growth_share", "changes_nearby", "version_similarity_gap"} & set(signals.asked)


def test_nothing_found_is_unexplained_and_never_cost() -> None:
    found = look()
    assert found.leaf.id == "unexplained"
    assert found.branch is None
    assert found.rivals == ()
    assert not found.page


def test_nothing_known_is_unexplained_and_says_cannot_tell() -> None:
    found = evaluate(tree=TREE, signals=Table({}))
    assert found.leaf.id == "unexplained"
    assert found.branches == {"slo": None, "quality": None, "cost": None}
    assert found.confidence == pytest.approx(0.05)
    assert "Cannot tell" in found.steps[0].evidence[0].sentence


def test_confidence_counts_what_nobody_can_tell_as_half() -> None:
    # 3 + 3 + 1 + 1 + 1 = 9, the skew untold: 0.95 x 8.5 / 9, less 0.10 for each question that nobody could answer
    found = look(LEAVES["traffic-spike"], {"queue_replica_skew": None})
    assert found.confidence == pytest.approx(0.95 * 8.5 / 9)
    unsure = look(LEAVES["long-prompt-flood"], {"prompt_length_factor": None})
    assert "prompts=cannot tell" in unsure.path
    assert unsure.confidence == pytest.approx(0.40 - 0.10)


def test_an_answer_that_cannot_be_told_leaves_the_question_to_the_others() -> None:
    found = look(LEAVES["quality-regression"], {"retrieval_fall": None, "safety_violation_share": None})
    assert "quality_kind=answers" in found.path
    assert found.confidence == look(LEAVES["quality-regression"]).confidence


def test_maintenance_makes_a_leaf_less_sure_and_hides_nothing() -> None:
    sure = look(LEAVES["replica-outage"])
    found = look(LEAVES["replica-outage"], {"maintenance_nearby": 1})
    assert (found.leaf.id, found.lowered) == ("replica-outage", ("maintenance was under way or just over",))
    assert found.confidence == pytest.approx(0.7 * sure.confidence)


def test_a_slow_burn_without_a_breach_is_walked_as_question_one_and_protects_nobody_yet() -> None:
    found = look({**LEAVES["traffic-spike"], "page_breaches": 0, "burn_rate": 0, "slow_burns": 1})
    assert found.path[:4] == ("slo_breach=no", "quality_drop=no", "cost_or_shift=no", "moving=yes")
    assert (found.leaf.id, found.branches["slo"]) == ("traffic-spike", False)
    assert found.branch is not None
    assert found.branch.name == "slo"
    assert not found.first_response.startswith("Protect")
    nodes = {node["id"]: node for node in record.to_json(diagnosis=found, decided_at=AT)["nodes"]}
    assert (nodes["replicas_answer"]["parent"], nodes["replicas_answer"]["edge"]) == ("moving", "yes")


def test_a_tenant_alone_in_its_growth_beats_a_mix_shift() -> None:
    found = look(COST)
    assert found.path == ("slo_breach=no", "quality_drop=no", "cost_or_shift=yes", "one_tenant=yes")
    assert found.page


def test_the_record_draws_the_whole_tree_and_is_json() -> None:
    found = look(LEAVES["traffic-spike"])
    stored = json.loads(json.dumps(record.to_json(diagnosis=found, decided_at=AT)))
    assert {node["id"] for node in stored["nodes"]} == set(TREE.nodes)
    assert {leaf["id"] for leaf in stored["leaves"]} == set(TREE.leaves)
    assert [node["id"] for node in stored["nodes"] if node["on_path"]] == [
        step.split("=")[0] for step in stored["path"]
    ]
    assert [leaf["id"] for leaf in stored["leaves"] if leaf["on_path"]] == ["traffic-spike"]
    not_asked = next(node for node in stored["nodes"] if node["id"] == "version_changed")
    assert (not_asked["asked"], not_asked["answer"], not_asked["evidence"]) == (False, None, [])
    assert not_asked["question"] == "Did version or config change just before?"
    ids = {None} | set(TREE.nodes)
    assert all(one["parent"] in ids for one in stored["nodes"] + stored["leaves"])
    assert [node["id"] for node in stored["nodes"] if node["parent"] is None] == ["slo_breach"]


def test_evidence_reads_as_plain_words() -> None:
    where = next(step for step in look(LEAVES["traffic-spike"]).steps if step.node == "where")
    said = {item.sentence for item in where.evidence}
    assert "Queueing is 71 % of the time to first token (mean share)" in said
    assert where.evidence[0].threshold == "> 50 %"


def test_the_headline_says_what_burns_and_why() -> None:
    found = look(LEAVES["traffic-spike"])
    said = record.headline(diagnosis=found, service="chat", breach=breach_sentence(table(BREACH)))
    assert said == (
        "The error budget burns 20.1 times too fast: queueing is 71 % of the time to first token (mean share) on every "
        "replica; requests arrive 2.6 times as often as before"
    )
    assert record.headline(diagnosis=look(COST), service="batch", breach=None).startswith("batch: one tenant is 96 %")


@given(
    st.dictionaries(
        st.sampled_from(sorted(SIGNALS)), st.none() | st.floats(-10, 1000) | st.sampled_from([0.0, 0.5, 1.0, 2.0])
    )
)
def test_evaluation_always_ends_in_exactly_one_leaf(values: dict[str, float | None]) -> None:
    found = evaluate(tree=TREE, signals=Table(values))
    assert found.leaf.id in TREE.leaves
    assert 0.05 <= found.confidence <= found.leaf.ceiling
    assert found.steps[-1].to == found.leaf.id
    assert all(rival.leaf != found.leaf.id for rival in found.rivals)
    first_yes = next(
        (name for name, told in found.branches.items() if told), "slo" if "moving=yes" in found.path else None
    )
    assert (found.branch.name if found.branch else None) == first_yes
    stored = record.to_json(diagnosis=found, decided_at=AT)
    assert sum(leaf["on_path"] for leaf in stored["leaves"]) == 1
