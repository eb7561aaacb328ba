"""Which first action is allowed on which leaf, and why (REQUIREMENTS R21).

Warm restart: only on the leaves stall, one-slow-replica and out-of-memory, one replica at a time, never while queueing dominates or
the survivors lack headroom. Rollback: only with a replay verdict that the serving version is worse, never for a retrieval regression
or a declared model change. A burn of page tier asks for the actions of its budget policy whatever the leaf. Figures are defaults (Limits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from incidents.actions.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Limits:
    """R21's figures: p95 per token above which a warm restart is offered, similarity under which a rollback is, the p95 of
    an 8-bit path above which a higher-precision variant is, the queue's share that forbids restarts, the load a survivor
    may carry."""

    per_token_p95_seconds: float = 0.130
    similarity_ratio: float = 0.92
    eight_bit_p95_seconds: float = 0.120
    queue_share_ratio: float = 0.5
    survivor_load_ratio: float = 0.8


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known as the advice is asked; None where nobody can tell."""

    leaf: str
    queue_share_ratio: float | None = None
    per_token_p95_seconds: float | None = None
    similarity_ratio: float | None = None
    eight_bit_p95_seconds: float | None = None
    replicas: int | None = None
    replicas_out: int = 0  # down, drained or restarting
    load_ratio: float | None = None  # of all replicas together, 0..1
    replay_says_worse: bool | None = None
    retrieval_regressed: bool = False
    change_was_declared: bool = False
    tag_has_precision_floor: bool = False
    #: What the error-budget policy asks for while the budget burns as fast as it does, and its sentence.
    traffic_actions: tuple[str, ...] = ()
    traffic_because: str = ""


class Stand(StrEnum):
    OFFERED = "offered"
    REFUSED = "refused"
    NOT_HERE = "not for this leaf"


@dataclass(frozen=True, slots=True)
class Advice:
    action: str
    stand: Stand
    reason: str

    @property
    def allowed(self) -> bool:
        return self.stand is Stand.OFFERED


#: leaf -> actions that help there, the first one first
HELPS: Mapping[str, tuple[str, ...]] = {
    "traffic-spike": ("tighten_admission", "scale_out"),
    "long-prompt-flood": ("tighten_admission", "scale_out"),
    "decode-slowdown": ("check_power", "tighten_admission", "drain"),
    "quality-regression": ("freeze_deploys", "rollback", "switch_variant"),
    "runaway-tenant": ("limit_tenant",),
    "replica-outage": ("drain", "tighten_admission", "scale_out"),
    "one-slow-replica": ("drain", "warm_restart"),
    "stall": ("warm_restart", "drain"),
    "kv-cache-exhaustion": ("tighten_admission", "scale_out"),
    "queue-unexplained": ("tighten_admission", "scale_out"),
    "prefix-cache-collapse": ("tighten_admission", "rollback"),
    "prefill-slow": ("tighten_admission",),
    "decode-slow": ("tighten_admission", "switch_variant"),
    "quality-drift": ("freeze_deploys",),
    "error-spike": ("freeze_deploys", "rollback"),
    "traffic-mix-shift": (),
    "slow-tail": ("tighten_admission",),
    "slice-regression": ("freeze_deploys", "rollback", "switch_variant"),
    "streaming-stalls": ("tighten_admission", "scale_out"),
    "out-of-memory": ("warm_restart", "rollback", "tighten_admission", "freeze_deploys"),
    "errors-after-quantisation": ("freeze_deploys", "rollback", "switch_variant"),
    "kpi-falls": ("freeze_deploys", "rollback"),
    "failed-rollout": ("freeze_deploys", "rollback", "switch_variant"),
    "retrieval-regression": ("freeze_deploys", "page_vendor"),
    "gpu-fault": ("drain", "scale_out", "page_vendor"),
    "region-outage": ("fail_over", "scale_out", "page_vendor"),
    "config-drift": ("fail_over", "freeze_deploys", "drain"),
    "schema-break": ("freeze_deploys", "rollback", "switch_variant"),
    "retry-storm": ("tighten_admission", "scale_out"),
    "cold-start": ("drain", "tighten_admission"),
    "service-outage": ("fail_over", "page_vendor"),
    "safety-regression": ("freeze_deploys", "rollback", "switch_variant"),
    "admission-rejections": ("scale_out",),
    "cost-anomaly": ("limit_tenant",),
    "unexplained": ("tighten_admission",),
}
#: A replica that serves nothing: taking it away takes no capacity away.
DEAD = frozenset({"replica-outage", "gpu-fault"})


def survivors_load(situation: Situation) -> float | None:
    """The load of the others with one more replica out: 0.6 on 4 replicas, one goes: 0.8. None where nobody can tell."""
    if situation.load_ratio is None or situation.replicas is None:
        return None
    left = situation.replicas - situation.replicas_out - 1
    serving = situation.replicas - situation.replicas_out
    return situation.load_ratio * serving / left if left > 0 else float("inf")


def advise(*, situation: Situation, limits: Limits | None = None) -> tuple[Advice, ...]:
    """Every action with its stand and reason: what helps on this leaf first, in order."""
    figures = limits or Limits()
    helps = HELPS.get(situation.leaf, ())
    asked = tuple(action for action in situation.traffic_actions if action in KINDS and action not in helps)
    ordered = [*helps, *asked, *(action for action in KINDS if action not in {*helps, *asked})]
    return tuple(_advise(action, situation, figures, action in helps, action in asked) for action in ordered)


def _advise(action: str, situation: Situation, limits: Limits, helps: bool, asked: bool) -> Advice:
    if not helps and not asked:
        return Advice(action, Stand.NOT_HERE, f"does not help on {situation.leaf}")
    guard = _GUARDS.get(action)
    if guard and (reason_against := guard(situation, limits)):
        return Advice(action, Stand.REFUSED, reason_against)
    return Advice(action, Stand.OFFERED, situation.traffic_because if asked else _for(action, situation, limits))


def _one_replica_less(situation: Situation, limits: Limits) -> str | None:
    """Against taking a replica away."""
    load = survivors_load(situation)
    if load is None:
        return "nobody can tell whether the survivors have headroom"
    if load == float("inf"):
        return "no replica would be left"
    if load > limits.survivor_load_ratio:
        return f"the survivors would carry {load:.0%} of their capacity, more than {limits.survivor_load_ratio:.0%}"
    return None


def _warm_restart(situation: Situation, limits: Limits) -> str | None:
    if situation.replicas_out:
        are = "replica is" if situation.replicas_out == 1 else "replicas are"
        return f"{situation.replicas_out} {are} already out; one at a time"
    if situation.queue_share_ratio is None:
        return "nobody can tell whether queueing dominates"
    if situation.queue_share_ratio > limits.queue_share_ratio:
        return (
            f"queueing is {situation.queue_share_ratio:.0%} of the time to first token; a restart takes capacity away"
        )
    return _one_replica_less(situation, limits)


def _drain(situation: Situation, limits: Limits) -> str | None:
    return None if situation.leaf in DEAD else _one_replica_less(situation, limits)


def _rollback(situation: Situation, limits: Limits) -> str | None:
    if situation.change_was_declared:
        return "the model change was declared; its answers are meant to differ"
    if situation.retrieval_regressed:
        return "retrieval is what regressed; another checkpoint repairs nothing"
    if situation.replay_says_worse is None:
        return "needs the replay's verdict, and there is none yet"
    if not situation.replay_says_worse:
        return "the replay says that the previous version answers no better"
    return None


def _switch_variant(situation: Situation, limits: Limits) -> str | None:
    slow = situation.eight_bit_p95_seconds
    if situation.leaf != "quality-regression" and (slow is None or slow <= limits.eight_bit_p95_seconds):
        return f"offered where the 8-bit path's p95 is above {limits.eight_bit_p95_seconds * 1000:.0f} ms"
    return None


_GUARDS: Mapping[str, Callable[[Situation, Limits], str | None]] = {
    "warm_restart": _warm_restart,
    "drain": _drain,
    "rollback": _rollback,
    "switch_variant": _switch_variant,
}


def _for(action: str, situation: Situation, limits: Limits) -> str:
    p95 = situation.per_token_p95_seconds
    if action == "warm_restart" and p95 is not None and p95 > limits.per_token_p95_seconds:
        return f"p95 per token is {p95 * 1000:.0f} ms, over {limits.per_token_p95_seconds * 1000:.0f}; done when a completion is back"
    if action == "warm_restart":
        return "one replica at a time; done when a completion has come back, not when /health is 200"
    similarity = situation.similarity_ratio
    if action == "rollback" and similarity is not None and similarity < limits.similarity_ratio:
        return f"similarity is {similarity:.3f}, under {limits.similarity_ratio}, and the replay favours the previous version"
    if action == "switch_variant" and situation.tag_has_precision_floor:
        return "tags with a precision floor move first"
    return f"helps on {situation.leaf}"
