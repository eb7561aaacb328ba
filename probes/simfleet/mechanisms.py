"""Causes, one by one: what faults are made of. Each changes a mechanism (blocks, steps, clocks, clients); metrics follow by themselves.

    fleet.start_mechanism("hang", service="chat", replica=1)
    fleet.stop_mechanism("hang", service="chat")

Over HTTP: POST /mechanisms {"mechanism": "hang", "service": "chat", "action": "start", "parameters": {"replica": 1}}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from probes.simfleet.engine import NEVER
from probes.simfleet.gpu import PowerCap
from probes.simfleet.pool import Pool
from probes.simfleet.prompts import SLICES
from probes.simfleet.replica import Replica

Parameters = Mapping[str, float]
End = Callable[[], None]
#: XIDs after which the process on the GPU is dead; 79 takes the GPU off the bus. https://docs.nvidia.com/deploy/xid-errors
FATAL_XIDS = (48, 63, 64, 74, 79, 94, 95, 119)


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`parameters` are defaults."""

    name: str
    what: str
    parameters: Parameters
    begin: Callable[[Pool, Parameters], End]


def _one(pool: Pool, given: Parameters) -> Replica:
    return pool.replicas[min(int(given["replica"]), len(pool.replicas) - 1)]


def _kv_shortage(pool: Pool, given: Parameters) -> End:
    return pool.rollouts.amend(lambda before: replace(before, kv_ratio=given["kv_ratio"]))


def _hang(pool: Pool, given: Parameters) -> End:
    index = _one(pool, given).index
    pool.hang(index)
    return lambda: pool.resume(index)


def _step_stalls(pool: Pool, given: Parameters) -> End:
    for replica in pool.replicas:
        replica.engine.stall(every=given["every_seconds"], seconds=given["stall_seconds"], at=pool.now)

    def end() -> None:
        for replica in pool.replicas:
            replica.engine.stall(every=NEVER, seconds=0.0, at=pool.now)

    return end


def _slow_replica(pool: Pool, given: Parameters) -> End:
    replica = _one(pool, given)

    def pace(handicap: float) -> None:
        replica.handicap = handicap
        pool.reclock(replica)

    pace(given["times"])
    return lambda: pace(1.0)


def _throttling(pool: Pool, given: Parameters) -> End:
    index = _one(pool, given).index
    pool.throttle(PowerCap(given["sm_clock_ratio"], given["memory_clock_ratio"]), only=index)
    return lambda: pool.throttle(None, only=index)


def _prefix_collapse(pool: Pool, given: Parameters) -> End:
    def share(ratio: float) -> None:
        pool.traffic.demand.cached_ratio = ratio
        pool.redraw()

    share(given["cached_ratio"])
    return lambda: share(1.0)


def _scale_out(pool: Pool, given: Parameters) -> End:
    count = int(given["replicas"])
    pool.scale_out(
        count,
        warm_seconds=given["warm_seconds"],
        cold_requests=int(given["cold_requests"]),
        slow=given["slow"],
    )
    return lambda: pool.scale_in(count)


def _retries(pool: Pool, given: Parameters) -> End:
    clients = pool.clients
    clients.retries, clients.backoff_seconds = int(given["attempts"]), given["backoff_seconds"]

    def end() -> None:
        clients.retries = 0

    return end


def _mass_cancel(pool: Pool, given: Parameters) -> End:
    """Every client leaves at once and stays away; engines that write their gauges in steps show the last step's from then on."""
    demand = pool.traffic.demand
    demand.tenant_rate = dict.fromkeys(range(len(pool.config.tenants)), given["left"])
    pool.redraw()
    for replica in pool.replicas:
        replica.stale_gauges = True
        replica.state()
        for request in replica.engine.cancel(pool.now, before=NEVER):
            pool.gateway.fail("500", request.tenant)

    def end() -> None:
        for replica in pool.replicas:
            replica.stale_gauges = False
        demand.tenant_rate = {}
        pool.redraw()

    return end


def _config_drift(pool: Pool, given: Parameters) -> End:
    """The replicas of the last region come up with another KV type and a fraction of the blocks, under the same version."""
    region, release = pool.replicas[-1].region, pool.release
    other = replace(release, cache_dtype="fp8", kv_ratio=given["kv_ratio"], quality=given["quality"])
    there = [replica.index for replica in pool.replicas if replica.region == region]
    for index in there:
        pool.rollouts.reconfigure(index, other)

    def end() -> None:
        for index in there:
            pool.rollouts.reconfigure(index, pool.release)

    return end


def _region_outage(pool: Pool, given: Parameters) -> End:
    region = pool.replicas[-1].region
    there = [replica.index for replica in pool.replicas if replica.region == region]
    for index in there:
        pool.take_down(index)

    def end() -> None:
        for index in there:
            pool.bring_back(index)

    return end


def _slice_quality(pool: Pool, given: Parameters) -> End:
    """A release that is as good as the last in every slice but one."""
    worse = SLICES[min(int(given["slice"]), len(SLICES) - 1)]
    return pool.rollouts.amend(
        lambda before: replace(before, version=f"{before.version}-{worse}", by_slice=((worse, given["quality"]),))
    )


def _xid(pool: Pool, given: Parameters) -> End:
    """The driver reports an error; after a fatal one the process is gone until the GPU is reset."""
    replica, code = _one(pool, given), int(given["code"])
    replica.gpu.xid = code
    fatal = code in FATAL_XIDS
    if fatal:
        pool.take_down(replica.index)

    def end() -> None:
        replica.gpu.xid = 0
        if fatal:
            pool.bring_back(replica.index)

    return end


def _mig(pool: Pool, given: Parameters) -> End:
    """The GPUs are cut into instances, of which the engine has one: less memory and less of everything else."""
    instances = int(given["instances"])

    def cut(count: int) -> None:
        for replica in pool.replicas:
            replica.mig = count
            replica.handicap = float(max(1, count)) ** 0.5
            pool.reclock(replica)

    cut(instances)
    return lambda: cut(0)


def _mechanism(name: str, begin: Callable[[Pool, Parameters], End], what: str, **parameters: float) -> Mechanism:
    return Mechanism(name, what, MappingProxyType(parameters), begin)


MECHANISMS: Mapping[str, Mechanism] = MappingProxyType({
    one.name: one
    for one in (
        _mechanism("kv-shortage", _kv_shortage,
                   "A longer context leaves few KV blocks: sequences are preempted and prefilled again.", kv_ratio=0.03),
        _mechanism("mass-cancel", _mass_cancel,
                   "All clients leave at once; KV gauges of idle engines go on showing what the last step saw.", left=1e-6),
        _mechanism("hang", _hang,
                   "A collective of one replica waits for ever: requests run, no token comes, the GPU is busy.", replica=0),
        _mechanism("step-stalls", _step_stalls,
                   "Every few seconds one step takes far too long, on every replica.", every_seconds=8.0, stall_seconds=1.5),
        _mechanism("slow-replica", _slow_replica,
                   "One replica takes several times as long for every step, and its clocks say nothing.", replica=0, times=4.0),
        _mechanism("throttling", _throttling,
                   "The clocks of one replica's GPU are held down.", replica=0, sm_clock_ratio=0.5, memory_clock_ratio=0.3),
        _mechanism("prefix-collapse", _prefix_collapse,
                   "Prompts find nothing in the prefix cache any more.", cached_ratio=0.0),
        _mechanism("scale-out", _scale_out,
                   "New replicas load, then serve cold: no prefix cache, slow until all is compiled.",
                   replicas=2, warm_seconds=90.0, cold_requests=200, slow=3.0),
        _mechanism("retries", _retries,
                   "Clients ask again after a failure, twice as late each time.", attempts=3, backoff_seconds=0.5),
        _mechanism("config-drift", _config_drift,
                   "One region runs another KV type and fewer blocks under the same version.", kv_ratio=0.5, quality=0.9),
        _mechanism("region-outage", _region_outage, "All replicas of one region are gone."),
        _mechanism("slice-quality", _slice_quality,
                   "A release that is worse in one slice alone: 0 short, 1 long, 2 code, 3 language, 4 exact numbers.",
                   slice=1, quality=0.0),
        _mechanism("xid", _xid,
                   "The driver of one GPU reports an error; a fatal one takes the process with it.", replica=0, code=79),
        _mechanism("mig", _mig, "Each GPU is cut into instances, of which the engine has one.", instances=3),
    )
})  # fmt: skip
