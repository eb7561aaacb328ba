"""Faults that make a service slow: the time goes into the queue, the prefill or the decode, on all replicas or on one."""

from __future__ import annotations

from dataclasses import replace

from probes.simfleet.engine import NEVER
from probes.simfleet.faults.fault import INTERMITTENT, RAMP, STEP, Dial, Parameters, Where, amendment, fault, switch
from probes.simfleet.gpu import PowerCap
from probes.simfleet.pool import Pool

ANY = (STEP, RAMP, INTERMITTENT)


def _traffic_spike(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Its size is `crowd_ratio` times the places in all batches, so that the queue is long at any hour, yet bounded: default
    4 replicas * 36 places * 1.6 = 230 clients."""
    places = pool.config.engine.max_num_seqs * len(pool.replicas)

    def dial(level: float) -> None:
        if not level:
            pool.clients.disperse()
            return
        pool.clients.gather(
            size=round(places * given["crowd_ratio"] * level),
            think_seconds=given["think_seconds"],
            ramp_seconds=given["arrive_seconds"],
            now=pool.now,
        )

    return dial


def _long_prompts(pool: Pool, _where: Where, given: Parameters) -> Dial:
    demand = pool.traffic.demand

    def dial(level: float) -> None:
        demand.long_share = given["share"] * level
        demand.long_prompt = (int(given["low"]), int(given["high"]))
        pool.redraw()

    return dial


def _long_sequences(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Answers grow several times as long where the engines have few blocks: sequences grow into each other's room."""
    demand = pool.traffic.demand
    few_blocks = amendment(pool, lambda release: replace(release, kv_ratio=given["kv_ratio"]))

    def dial(level: float) -> None:
        demand.generated_ratio = 1.0 + (given["generated"] - 1.0) * level
        demand.generated_limit = int(given["generated_limit"])
        pool.redraw()
        few_blocks(level)

    return dial


def _power_cap(pool: Pool, where: Where, given: Parameters) -> Dial:
    """Default: memory clock to 0.225 (decode takes 4.4 times as long), SM clock to half."""
    sm, memory = given["sm_clock_ratio"], given["memory_clock_ratio"]

    def dial(level: float) -> None:
        cap = PowerCap(1.0 - (1.0 - sm) * level, 1.0 - (1.0 - memory) * level) if level else None
        for index in where.replicas(pool):
            pool.throttle(cap, only=index)

    return dial


def _handicap(pool: Pool, where: Where, given: Parameters) -> Dial:
    """Every step takes `times` as long, and no clock says why."""

    def dial(level: float) -> None:
        for index in where.replicas(pool):
            pool.replicas[index].handicap = 1.0 + (given["times"] - 1.0) * level
            pool.reclock(pool.replicas[index])

    return dial


def _prefill_wait(pool: Pool, where: Where, given: Parameters) -> Dial:
    """Each prompt waits within its prefill; `cached_ratio` of what it usually finds in the prefix cache is still found."""

    def dial(level: float) -> None:
        for index in where.replicas(pool):
            pool.replicas[index].engine.prefill_wait_seconds = given["wait_seconds"] * level
        found = 1.0 - (1.0 - given["cached_ratio"]) * level
        if pool.traffic.demand.cached_ratio != found:
            pool.traffic.demand.cached_ratio = found
            pool.redraw()

    return dial


def _step_stalls(pool: Pool, where: Where, given: Parameters) -> Dial:
    """Only a batch of `batch` sequences or more stalls: an idle engine has nothing to collect."""

    def dial(level: float) -> None:
        for index in where.replicas(pool):
            engine = pool.replicas[index].engine
            every = given["every_seconds"] / level if level else NEVER
            engine.stall(
                every=every, seconds=given["stall_seconds"] if level else 0.0, at=pool.now, batch=int(given["batch"])
            )

    return dial


def _hang(pool: Pool, where: Where, _given: Parameters) -> Dial:
    hit: list[int] = []

    def on() -> None:
        hit[:] = where.replicas(pool)
        for index in hit:
            pool.hang(index)

    def off() -> None:
        for index in hit:
            if index < len(pool.replicas):  # it may have gone with a scale-in
                pool.resume(index)

    return switch(on, off)


def _few_places(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Started with a limit of concurrent sequences that somebody tried out elsewhere."""
    return amendment(pool, lambda release: replace(release, places=int(given["places"])))


def _cold_replicas(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """New replicas serve while they still load weights, compile and have no prefix cache."""
    count = int(given["replicas"])

    def on() -> None:
        pool.scale_out(
            count, warm_seconds=given["warm_seconds"], cold_requests=int(given["cold_requests"]), slow=given["slow"]
        )

    return switch(on, lambda: pool.scale_in(count))


FAULTS = (
    fault(
        "traffic-spike", "Traffic spike", "chat", _traffic_spike,
        "A crowd of clients asks again as soon as it is answered; every batch is full and requests queue.",
        like="vllm#36748: waiting 117 and 108 at a full cache", onsets=ANY, hard=True,
        crowd_ratio=1.6, think_seconds=1.0, arrive_seconds=20.0,
    ),
    fault(
        "long-prompt-flood", "Long-prompt flood", "chat", _long_prompts,
        "Most requests bring a long document that no prefix cache knows; prefill takes most of the time to first token.",
        like="local-inference-lab/vllm#541, llama.cpp#29175: a long prompt arrives and decode falls to a fortieth", onsets=ANY,
        hard=True, share=0.85, low=8_000, high=22_000,
    ),
    fault(
        "slow-tail", "A slow tail", "chat", _long_prompts,
        "A few requests bring very long documents: the p95 is bad, the median is as it was.",
        like="sglang#9241: p50 fine, p99 bad", onsets=ANY, share=0.08, low=10_000, high=14_000,
    ),
    fault(
        "decode-slowdown", "Decode slowdown", "chat", _power_cap,
        "A power cap slows the GPUs' clocks; each token takes several times as long.",
        like="rammsguns/llm-rig#100, club-3090#58: clocks of 375 MHz, a third fewer tokens at a cap of 230 W",
        targets=("all", "region"), onsets=ANY, hard=True, sm_clock_ratio=0.5, memory_clock_ratio=0.225,
    ),
    fault(
        "gpu-throttling", "One hot GPU", "code", _power_cap,
        "One GPU is too hot and holds its clocks down; its replica's tokens come late.", leaf="decode-slowdown",
        like="club-3090#58: thermal throttling", targets=("replica",), onsets=ANY, sm_clock_ratio=0.3, memory_clock_ratio=0.1,
    ),
    fault(
        "decode-slow", "Decode slow, clocks as before", "code", _handicap,
        "Something else has the hosts' processors: every step waits to be launched, and no clock shows it.",
        like="sglang#14339: 7 ms of processor time in every step; vllm#10081: structured output on one core", onsets=ANY, hard=True,
        times=7.0,
    ),
    fault(
        "one-slow-replica", "One slow replica", "code", _handicap,
        "One replica takes many times as long for every step, and its clocks say nothing.",
        like="a failing link or a noisy neighbour: the others are well", targets=("replica",), onsets=(STEP, RAMP), times=12.0,
    ),
    fault(
        "kv-cache-exhaustion", "KV cache exhausted", "chat", _long_sequences,
        "Answers grow long on engines with few KV blocks: the blocks run out, sequences are preempted and prefilled again.",
        like="vllm#18115, PR#52530: KV cache from 91 % to full, preemptions climb, tokens collapse", onsets=(STEP, RAMP), hard=True,
        kv_ratio=0.15, generated=4.0, generated_limit=6_000,
    ),
    fault(
        "prefix-cache-collapse", "Prefix cache collapses", "chat", _prefill_wait,
        "The shared store behind the prefix cache answers no more: each lookup waits, then the whole prompt is computed anew.",
        like="1CatAI/1Cat-vLLM#205, sglang#32459: hits from 97 to 40 %; vllm#45388: the offload tier", onsets=ANY, hard=True,
        wait_seconds=0.35, cached_ratio=0.0,
    ),
    fault(
        "prefill-slow", "Prefill slow", "code", _prefill_wait,
        "Each prompt waits for an adapter that is fetched anew every time; prompts and prefix cache are as before.",
        like="vllm#43009, #45631, #49349: seconds of compilation while serving", onsets=ANY, hard=True,
        wait_seconds=0.5, cached_ratio=1.0,
    ),
    fault(
        "streaming-stalls", "Streams stall", "chat", _step_stalls,
        "Every few seconds one step takes far too long: readers see the text stop and go on.",
        like="sglang#9241: 100 to 300 ms each 1.5 s, the garbage collector; vllm#48229: a step frozen for 0.7 to 2 s",
        onsets=(STEP, INTERMITTENT), every_seconds=6.0, stall_seconds=1.2, batch=2.0,
    ),
    fault(
        "stall", "A worker stalls", "code", _hang,
        "A collective waits for ever: requests run, no token comes, the GPUs are busy.",
        like="vllm#41530, #40926: tokens stop, the container is up", targets=("all", "replica"), onsets=(STEP, INTERMITTENT),
        hard=True,
    ),
    fault(
        "concurrency-cap", "Too few places", "chat", _few_places,
        "The engines restart with a limit of three sequences at a time: requests queue at the same traffic.",
        leaf="queue-unexplained", like="a flag of a test that was left in", places=3.0,
    ),
    fault(
        "cold-start", "Cold start after scale-out", "chat", _cold_replicas,
        "New replicas serve cold: no prefix cache, and every step compiles something.",
        like="vllm#43009: compilation in serving, seconds on every new shape", quiet_seconds=20.0,
        replicas=4.0, warm_seconds=1_200.0, cold_requests=2_000.0, slow=9.0,
    ),
)  # fmt: skip
