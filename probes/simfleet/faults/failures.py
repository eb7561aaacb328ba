"""Faults that make requests fail: a process, a GPU, a region, a gateway, a release, or the clients themselves."""

from __future__ import annotations

from dataclasses import replace

from probes.simfleet.faults.fault import INTERMITTENT, RAMP, STEP, Dial, Parameters, Where, amendment, fault, switch
from probes.simfleet.pool import Pool
from probes.simfleet.replica import quantised


def _gone(pool: Pool, where: Where, _given: Parameters) -> Dial:
    """The processes are gone; requests sent to them fail until they are back."""
    hit: list[int] = []

    def on() -> None:
        hit[:] = where.replicas(pool)
        for index in hit:
            pool.take_down(index)

    def off() -> None:
        for index in hit:
            if index < len(pool.replicas):  # it may have gone with a scale-in
                pool.bring_back(index)

    return switch(on, off)


def _xid(pool: Pool, where: Where, given: Parameters) -> Dial:
    """The driver reports an error after which the process on that GPU is dead."""
    down = _gone(pool, where, given)

    def dial(level: float) -> None:
        for index in where.replicas(pool):
            pool.replicas[index].gpu.xid = int(given["code"]) if level else 0
        down(level)

    return dial


def _gateway_errors(pool: Pool, _where: Where, given: Parameters) -> Dial:
    def dial(level: float) -> None:
        pool.failing = given["share"] * level

    return dial


def _bad_quantisation(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Some sums overflow in eight bits: those requests end in an error, the others are answered as well as before."""
    return amendment(pool, lambda before: replace(quantised(before), quality=before.quality, failing=given["share"]))


def _out_of_memory(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """The profiling run at start knew no prompt so long: the first one takes the process with it, again and again."""
    demand = pool.traffic.demand
    raised = amendment(
        pool,
        lambda before: replace(
            before,
            longest_context=int(given["context"]),
            kv_ratio=given["kv_ratio"],
            memory_ratio=given["memory_ratio"],
            deadly_prompt=int(given["deadly"]),
        ),
    )

    def dial(level: float) -> None:
        demand.long_share = given["share"] * level
        demand.long_prompt = (int(given["deadly"]), int(given["longest"]))
        pool.redraw()
        raised(level)

    return dial


def _impatient(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Clients take a slow answer for none and ask again; the engines are not told and finish what nobody reads."""
    clients = pool.clients

    def dial(level: float) -> None:
        clients.patience_seconds = given["patience_seconds"] if level else 0.0
        clients.retries = round(given["attempts"] * level)
        clients.backoff_seconds = given["backoff_seconds"]

    return dial


def _admission(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """A limit of requests inside, by tag, that was right for another model."""
    before = dict(pool.admission)
    tags = {tenant.tag for tenant in pool.config.tenants}

    def on() -> None:
        pool.admission = dict.fromkeys(tags, int(given["inside"]))

    def off() -> None:
        pool.admission = before

    return switch(on, off)


FAULTS = (
    fault(
        "replica-outage", "Replica outage", "code", _gone,
        "A replica's process is gone; requests sent to it fail until it is back.",
        like="vllm#52225, #55571: an error in a kernel ends the engine", targets=("replica",), onsets=(STEP, INTERMITTENT), hard=True,
    ),
    fault(
        "service-outage", "Service outage", "code", _gone,
        "Every replica's process is gone: nothing answers.",
        like="NVIDIA/nccl#2079, vllm#33041: no replica becomes ready", hard=True,
    ),
    fault(
        "region-outage", "Region outage", "chat", _gone,
        "All replicas of one region are gone; the other region serves on.",
        like="region failure and failover", targets=("region",), onsets=(STEP, INTERMITTENT), hard=True,
    ),
    fault(
        "gpu-fault", "GPU fault", "code", _xid,
        "A GPU falls off the bus or reports an error that ends the process on it.",
        like="wtdcode/vllm-backport#62: Xid 48, 63, 94, 154 and rows remapped", targets=("replica",), hard=True, code=79.0,
    ),
    fault(
        "error-spike", "Error spike", "code", _gateway_errors,
        "The gateway fails a share of the requests; engines and replicas are well.",
        like="sglang#36876: 266,000 errors after disconnects", onsets=(STEP, RAMP, INTERMITTENT), hard=True, share=0.12,
    ),
    fault(
        "errors-after-quantisation", "Errors after quantisation", "chat", _bad_quantisation,
        "A quantised release overflows on a share of the requests, which end in errors; the others are answered as before.",
        like="vllm#10656, #14126: overflow in 16 bits; sglang#22242", hard=True, share=0.15,
    ),
    fault(
        "out-of-memory", "Out of memory", "chat", _out_of_memory,
        "The context window was raised: the first long prompt takes more memory than is left, and the process is killed and restarted.",
        like="wtdcode/vllm-backport#94, vllm#15039: out of memory at the first long prompt", hard=True,
        context=131_072.0, kv_ratio=0.7, memory_ratio=0.98, deadly=24_000.0, longest=31_000.0, share=0.012,
    ),
    fault(
        "retry-storm", "Retry storm", "chat", _impatient,
        "Clients give up after a second and ask again, up to eight times; engines finish answers that nobody reads.",
        like="sglang#36876: 182 zombie requests after disconnects", hard=True,
        patience_seconds=1.0, attempts=8.0, backoff_seconds=0.05,
    ),
    fault(
        "admission-rejections", "Own admission rejects", "chat", _admission,
        "The gateway lets so few requests in at once that it turns away many that the engines had room for.",
        like="our own gateway answers 429", onsets=(STEP, INTERMITTENT), hard=True, inside=7.0,
    ),
)  # fmt: skip
