"""Faults that break no promise of speed: who asks, how much it costs, what the business has of it."""

from __future__ import annotations

from probes.simfleet.faults.fault import RAMP, STEP, Dial, Parameters, Where, fault
from probes.simfleet.pool import Pool


def _runaway_tenant(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """The last tenant in the list asks three times as often for answers five times as long."""
    tenant = len(pool.config.tenants) - 1
    demand = pool.traffic.demand

    def dial(level: float) -> None:
        demand.tenant_rate.pop(tenant, None)
        demand.tenant_generated.pop(tenant, None)
        if level:
            demand.tenant_rate[tenant] = 1.0 + (given["rate"] - 1.0) * level
            demand.tenant_generated[tenant] = 1.0 + (given["generated"] - 1.0) * level
            demand.generated_limit = int(given["generated_limit"])
        pool.redraw()

    return dial


def _longer_answers(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """A prompt that lost its "be brief": every tenant's answers are several times as long."""
    demand = pool.traffic.demand

    def dial(level: float) -> None:
        demand.generated_ratio = 1.0 + (given["generated"] - 1.0) * level
        demand.generated_limit = int(given["generated_limit"])
        pool.redraw()

    return dial


def _other_mix(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """The tenant that asked most stays away, the others make up for it: as many requests, of another kind."""
    tenants = pool.config.tenants
    first = max(range(len(tenants)), key=lambda at: tenants[at].share)
    whole = sum(tenant.share for tenant in tenants)
    share = tenants[first].share / whole

    def dial(level: float) -> None:
        left = 1.0 - (1.0 - given["left"]) * level
        others = (1.0 - share * left) / (1.0 - share)
        rates = {at: left if at == first else others for at in range(len(tenants))}
        pool.traffic.demand.tenant_rate = rates if level else {}
        pool.redraw()

    return dial


def _unhelped(pool: Pool, _where: Where, given: Parameters) -> Dial:
    """Answers no longer settle a matter, so users come back and ask again: more requests, fewer matters settled."""
    clients = pool.clients
    usual = clients.settles

    def dial(level: float) -> None:
        clients.settles = usual - (usual - given["settles"]) * level
        clients.comes_back = given["comes_back"] * level

    return dial


FAULTS = (
    fault(
        "runaway-tenant", "Runaway tenant", "batch", _runaway_tenant,
        "One tenant's job asks more often for far longer answers; the bill moves, no objective does.",
        branch="cost", like="runaway tenant spend", onsets=(STEP, RAMP), rate=3.0, generated=5.0, generated_limit=4_000,
    ),
    fault(
        "cost-anomaly", "Answers grow", "batch", _longer_answers,
        "Every tenant's answers are several times as long; nobody asks more often.",
        branch="cost", like="a prompt that lost its \"be brief\"", onsets=(STEP, RAMP), generated=4.0, generated_limit=4_000,
    ),
    fault(
        "traffic-mix-shift", "Traffic mix shifts", "chat", _other_mix,
        "The tenant that asked most stays away and the others ask more: as many requests, of another kind.",
        branch="cost", like="traffic-mix shift", onsets=(STEP, RAMP), left=0.1,
    ),
    fault(
        "kpi-falls", "Throughput up, business down", "chat", _unhelped,
        "Answers come fast but settle nothing: users ask again, throughput rises and settled matters fall.",
        branch="quality", like="throughput up while the business KPI falls", onsets=(STEP, RAMP), settles=0.15, comes_back=0.45,
    ),
)  # fmt: skip
