"""R21 as a table: which first action is allowed, and why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from incidents.actions.guards import HELPS, Advice, Situation, Stand, advise, survivors_load
from incidents.actions.kinds import KINDS

STALL = Situation(leaf="stall", queue_share_ratio=0.1, replicas=4, load_ratio=0.5, per_token_p95_seconds=0.2)
REGRESSION = Situation(leaf="quality-regression", similarity_ratio=0.8, replay_says_worse=True)


def of(action: str, situation: Situation) -> Advice:
    return next(advice for advice in advise(situation=situation) if advice.action == action)


def test_a_stall_offers_a_warm_restart_with_its_figure() -> None:
    advice = of("warm_restart", STALL)
    assert advice.allowed
    assert advice.reason.startswith("p95 per token is 200 ms")


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (replace(STALL, queue_share_ratio=0.71), "queueing is 71% of the time to first token"),
        (replace(STALL, queue_share_ratio=None), "nobody can tell whether queueing dominates"),
        (replace(STALL, replicas_out=1), "1 replica is already out"),
        (replace(STALL, load_ratio=0.9), "the survivors would carry 120% of their capacity"),
        (replace(STALL, load_ratio=None), "nobody can tell whether the survivors have headroom"),
        (replace(STALL, replicas=1), "no replica would be left"),
    ],
)
def test_a_warm_restart_is_refused(situation: Situation, reason: str) -> None:
    advice = of("warm_restart", situation)
    assert advice.stand is Stand.REFUSED
    assert advice.reason.startswith(reason)


@pytest.mark.parametrize(
    "leaf", ["traffic-spike", "long-prompt-flood", "quality-regression", "runaway-tenant", "decode-slowdown"]
)
def test_a_warm_restart_is_not_for_other_leaves(leaf: str) -> None:
    assert of("warm_restart", replace(STALL, leaf=leaf)).stand is Stand.NOT_HERE


@pytest.mark.parametrize("leaf", ["stall", "one-slow-replica", "out-of-memory"])
def test_a_warm_restart_is_for_stalls_one_slow_replica_and_memory_growth(leaf: str) -> None:
    assert of("warm_restart", replace(STALL, leaf=leaf)).allowed


def test_no_other_leaf_has_a_warm_restart() -> None:
    assert {leaf for leaf, actions in HELPS.items() if "warm_restart" in actions} == {
        "stall",
        "one-slow-replica",
        "out-of-memory",
    }


def test_a_burn_of_page_tier_asks_for_the_actions_of_its_policy_whatever_the_leaf() -> None:
    burning = replace(
        STALL, traffic_actions=("tighten_admission", "scale_out", "dance"), traffic_because="while the burn lasts"
    )
    advice = of("tighten_admission", burning)
    assert (advice.allowed, advice.reason) == (True, "while the burn lasts")
    assert of("tighten_admission", STALL).stand is Stand.NOT_HERE
    assert [one.action for one in advise(situation=burning)][:4] == [
        "warm_restart",
        "drain",
        "tighten_admission",
        "scale_out",
    ]


def test_every_action_that_helps_is_one_that_there_is() -> None:
    assert {action for actions in HELPS.values() for action in actions} <= set(KINDS)


@pytest.mark.parametrize(
    ("situation", "stand"),
    [
        (REGRESSION, Stand.OFFERED),
        (replace(REGRESSION, replay_says_worse=None), Stand.REFUSED),
        (replace(REGRESSION, replay_says_worse=False), Stand.REFUSED),
        (replace(REGRESSION, retrieval_regressed=True), Stand.REFUSED),
        (replace(REGRESSION, change_was_declared=True), Stand.REFUSED),
        (replace(REGRESSION, leaf="traffic-spike"), Stand.NOT_HERE),
    ],
)
def test_a_rollback_needs_the_replay(situation: Situation, stand: Stand) -> None:
    assert of("rollback", situation).stand is stand


def test_a_slow_eight_bit_path_offers_a_higher_precision_variant() -> None:
    slow = Situation(leaf="decode-slow", eight_bit_p95_seconds=0.125)
    assert of("switch_variant", slow).allowed
    assert of("switch_variant", replace(slow, eight_bit_p95_seconds=0.12)).stand is Stand.REFUSED


def test_a_dead_replica_is_drained_whatever_the_load() -> None:
    dead = Situation(leaf="replica-outage", replicas=3, replicas_out=1, load_ratio=0.9, queue_share_ratio=0.8)
    assert [advice.action for advice in advise(situation=dead) if advice.allowed] == [
        "drain",
        "tighten_admission",
        "scale_out",
    ]


def test_survivors_carry_what_the_one_carried() -> None:
    assert survivors_load(Situation(leaf="stall", replicas=4, load_ratio=0.6)) == pytest.approx(0.8)
