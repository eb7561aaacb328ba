"""Six faults as mechanisms: each changes a cause (demand, clocks, a release, a process), the metrics follow by themselves.

Calibrated on the default fleet; the effects are asserted in tests/probes/simfleet/test_faults.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from probes.simfleet.gpu import PowerCap
from probes.simfleet.pool import Pool
from probes.simfleet.replica import Release, quantised

Parameters = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fault:
    """`parameters` are defaults; start_fault() takes others by the same names."""

    name: str
    title: str
    what: str
    service: str
    expected_leaf: str
    parameters: Parameters
    begin: Callable[[Pool, Parameters], Callable[[], None]]  # gives what ends it


def _traffic_spike(pool: Pool, given: Parameters) -> Callable[[], None]:
    """A crowd of clients that ask again at once. Its size is `crowd_ratio` times the places in all batches, so that the
    queue is long at any hour, yet bounded: default 4 replicas * 36 places * 1.6 = 230 clients."""
    places = pool.config.engine.max_num_seqs * len(pool.replicas)
    pool.gather_crowd(
        size=round(places * given["crowd_ratio"]),
        think_seconds=given["think_seconds"],
        ramp_seconds=given["ramp_seconds"],
    )
    return pool.disperse_crowd


def _long_prompt_flood(pool: Pool, given: Parameters) -> Callable[[], None]:
    """Most requests bring a whole document: 16,000 tokens in the mean where the service usually gets 950."""
    demand = pool.traffic.demand
    demand.long_share = given["share"]
    demand.long_prompt = (int(given["low"]), int(given["high"]))
    pool.redraw()

    def end() -> None:
        demand.long_share = 0.0
        pool.redraw()

    return end


def _decode_slowdown(pool: Pool, given: Parameters) -> Callable[[], None]:
    """A power brake on the racks: memory clock to 0.225 (decode takes 4.4 times as long), SM clock to half."""
    pool.throttle(PowerCap(sm_clock_ratio=given["sm_clock_ratio"], memory_clock_ratio=given["memory_clock_ratio"]))
    return lambda: pool.throttle(None)


def _quality_regression(pool: Pool, given: Parameters) -> Callable[[], None]:
    before: Release = pool.release
    after = quantised(before)
    pool.roll_out(Release(after.version, given["quality"], given["step_ratio"], after.cache_dtype))
    return lambda: pool.roll_out(before)


def _runaway_tenant(pool: Pool, given: Parameters) -> Callable[[], None]:
    """The last tenant in the list asks three times as often for answers five times as long."""
    tenant = len(pool.config.tenants) - 1
    demand = pool.traffic.demand
    demand.tenant_rate[tenant] = given["rate"]
    demand.tenant_generated[tenant] = given["generated"]
    demand.generated_limit = int(given["generated_limit"])
    pool.redraw()

    def end() -> None:
        demand.tenant_rate.pop(tenant, None)
        demand.tenant_generated.pop(tenant, None)
        pool.redraw()

    return end


def _replica_outage(pool: Pool, given: Parameters) -> Callable[[], None]:
    index = min(int(given["replica"]), len(pool.replicas) - 1)
    pool.take_down(index)
    return lambda: pool.bring_back(index)


def _fault(
    name: str,
    title: str,
    service: str,
    begin: Callable[[Pool, Parameters], Callable[[], None]],
    what: str,
    **parameters: float,
) -> Fault:
    return Fault(
        name=name,
        title=title,
        what=what,
        service=service,
        expected_leaf=name,
        parameters=MappingProxyType(parameters),
        begin=begin,
    )


FAULTS: Mapping[str, Fault] = MappingProxyType({
    fault.name: fault
    for fault in (
        _fault(
            "traffic-spike", "Traffic spike", "chat", _traffic_spike,
            "A crowd of clients asks again as soon as it is answered; every batch is full and requests queue.",
            crowd_ratio=1.6, think_seconds=1.0, ramp_seconds=20.0,
        ),
        _fault(
            "long-prompt-flood", "Long-prompt flood", "chat", _long_prompt_flood,
            "Most requests bring a long document that no prefix cache knows; prefill takes most of the time to first token.",
            share=0.85, low=8_000, high=22_000,
        ),
        _fault(
            "decode-slowdown", "Decode slowdown", "chat", _decode_slowdown,
            "A power cap slows the GPUs' clocks; each token takes several times as long.",
            sm_clock_ratio=0.5, memory_clock_ratio=0.225,
        ),
        _fault(
            "quality-regression", "Quality regression", "chat", _quality_regression,
            "A quantised release is rolled out: as fast as before or faster, with worse answers.",
            quality=0.0, step_ratio=0.88,
        ),
        _fault(
            "runaway-tenant", "Runaway tenant", "batch", _runaway_tenant,
            "One tenant's job asks more often for far longer answers; the bill moves, no objective does.",
            rate=3.0, generated=5.0, generated_limit=4_000,
        ),
        _fault(
            "replica-outage", "Replica outage", "code", _replica_outage,
            "A replica's process is gone; requests sent to it fail until it is back.",
            replica=1.0,
        ),
    )
})  # fmt: skip
