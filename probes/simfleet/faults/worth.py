"""Faults after which answers are worth less: by release, by slice, by retrieval, by format, by what they must not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from probes.simfleet.faults.fault import INTERMITTENT, RAMP, STEP, Dial, Parameters, Where, amendment, fault, switch
from probes.simfleet.pool import Pool
from probes.simfleet.replica import Release, quantised


def _release(change: Callable[[Release, Where, Parameters], Release]) -> Callable[[Pool, Where, Parameters], Dial]:
    """Another release is rolled out, one replica after another; the end rolls it back."""

    def make(pool: Pool, where: Where, given: Parameters) -> Dial:
        return amendment(pool, lambda before: change(before, where, given))

    return make


def _quantised(before: Release, _where: Where, given: Parameters) -> Release:
    return replace(quantised(before), quality=given["quality"], step_ratio=given["step_ratio"])


def _worse_in_a_slice(before: Release, where: Where, given: Parameters) -> Release:
    version = f"{before.version}-{where.slice}"
    return replace(before, version=version, by_slice=((where.slice, given["quality"]),))


def _other_schema(before: Release, _where: Where, given: Parameters) -> Release:
    return replace(before, version=f"{before.version}-t2", broken_calls=given["share"])


def _unguarded(before: Release, _where: Where, given: Parameters) -> Release:
    return replace(before, version=f"{before.version}-g0", unsafe=given["share"])


def _wear(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Weights or scales were overwritten in place: the version says the same as before."""

    def dial(level: float) -> None:
        pool.worn = given["lost"] * level

    return dial


def _stale_index(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """The retriever reads an index that does not fit: the passages are about something else, and so are the answers."""

    def dial(level: float) -> None:
        pool.fresh = 1.0 - (1.0 - given["fresh"]) * level

    return dial


def _rollout_that_fails(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """The new release reads something over a link that all its replicas share: one alone is well, all together are not."""

    def after(before: Release) -> Release:
        return replace(before, version=f"{before.version}-next", crowding=given["crowding"], step_ratio=0.95)

    before, everywhere = pool.release, amendment(pool, after)
    there = False

    def go_on(_at: float) -> None:
        if there:
            everywhere(1.0)

    def on() -> None:
        nonlocal there
        there = True
        pool.rollouts.swap(0, after(pool.release))
        pool.later(pool.now + given["canary_seconds"], go_on)

    def off() -> None:
        nonlocal there
        there = False
        if pool.release is before:
            pool.rollouts.swap(0, before)  # only the canary was there yet
        everywhere(0.0)

    return switch(on, off)


def _drifted_region(pool: Pool, where: Where, given: Parameters) -> Dial:
    """The region came up from an old template: eager steps, another KV type, fewer blocks, and the same version."""

    def drifted() -> Release:
        return replace(pool.release, cache_dtype="fp8", kv_ratio=given["kv_ratio"], step_ratio=given["step_ratio"])

    hit: list[int] = []

    def on() -> None:
        hit[:] = where.replicas(pool)
        for index in hit:
            pool.rollouts.swap(index, drifted())

    def off() -> None:
        for index in hit:
            if index < len(pool.replicas):  # it may have gone with a scale-in
                pool.rollouts.swap(index, pool.release)

    return switch(on, off)


FAULTS = (
    fault(
        "quality-regression", "Quality regression", "chat", _release(_quantised),
        "A quantised release is rolled out: as fast as before or faster, with worse answers.",
        branch="quality", like="TensorRT-LLM#16916, sglang#28144, vllm#38652: GSM8K from 96.4 to 74.5, nothing else moves",
        quality=0.0, step_ratio=0.88,
    ),
    fault(
        "slice-regression", "One slice regresses", "chat", _release(_worse_in_a_slice),
        "A release that is as good as the last, but for one slice of the prompts.",
        branch="quality", like="quality regression on long prompts only", targets=("slice",), quality=0.0,
    ),
    fault(
        "quality-drift", "Quality drifts", "batch", _wear,
        "Answers get worse under the same version: scales of the KV cache were overwritten in place.",
        branch="quality", like="vllm#38652: scales missing or wrong", onsets=(STEP, RAMP), lost=1.0,
    ),
    fault(
        "retrieval-regression", "Retrieval regresses", "chat", _stale_index,
        "The retriever finds passages of something else; the model is the same and makes the best of them.",
        branch="quality", like="model regression against retrieval regression", onsets=(STEP, RAMP), fresh=0.0,
    ),
    fault(
        "schema-break", "Tool calls break", "chat", _release(_other_schema),
        "After a change of the chat template tool calls come under another schema; prose is as good as before.",
        branch="quality", like="schema break in tool-call outputs", share=0.95,
    ),
    fault(
        "safety-regression", "Unsafe answers", "chat", _release(_unguarded),
        "A release without its guard gives an address away in most of its answers.",
        branch="quality", like="a guard model that was left out of a roll-out", share=0.8,
    ),
    fault(
        "failed-rollout", "Roll-out fails after a good canary", "chat", _rollout_that_fails,
        "One replica of the new release is well for twelve minutes; all of them together share a link and are slow.",
        like="good canary but failed full roll-out", quiet_seconds=740.0, hard=True, crowding=1.2, canary_seconds=720.0,
    ),
    fault(
        "config-drift", "A region drifts", "chat", _drifted_region,
        "One region comes up with another configuration under the same version: its tokens take several times as long.",
        like="config drift between regions", targets=("region",), onsets=(STEP, INTERMITTENT), hard=True,
        kv_ratio=0.5, step_ratio=6.0,
    ),
)  # fmt: skip
