"""What a simulated fleet is made of: services, engines, tenants, and the default fleet of three services.

The defaults are calibrated, not copied: see the constants' comments. Rates are modest on purpose, so that one virtual
hour of nine replicas costs a fraction of a second, and still give 36 (batch) to 240 (chat) requests a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token lengths: lognormal with this median and sigma, cut to [low, high].

    Azure's conversation trace: context median 1,020, p95 4,083; generated median 129, p95 451.
    """

    median: float
    sigma: float
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """A request finds `low`..`high` of its prompt cached with probability `share`; otherwise only `system_tokens`."""

    share: float
    low: float
    high: float
    system_tokens: int


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """How fast one replica is.

    A decode step takes step_seconds * (1 + batch / batch_reference) + kv_tokens * kv_seconds_per_token;
    a prefill chunk adds chunk / prefill_tokens_per_second to the step it rides on.
    Default chat: 22 ms alone, 22.6 ms with 5 running, at most 44 ms with a full chunk of 1,536 tokens: under the
    0.05 s bound, so that chunked prefill never costs inter-token budget in a healthy fleet.
    """

    step_seconds: float = 0.022
    batch_reference: float = 200.0
    kv_seconds_per_token: float = 1.5e-8
    prefill_tokens_per_second: float = 80_000.0
    chunk_tokens: int = 1_536
    max_num_seqs: int = 36
    kv_tokens: int = 240_000
    block_size: int = 16
    max_model_len: int = 32_768
    max_queued: int = 1_024
    overhead_seconds: float = 0.004
    restart_seconds: float = 20.0
    gpu_model: str = "NVIDIA H100 80GB HBM3"
    gpu_memory_mib: int = 81_559


@dataclass(frozen=True, slots=True)
class Tenant:
    name: str
    share: float
    tag: str = "standard"  # by which the gateway admits: live before standard before bulk


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    name: str
    model: str
    version: str
    replicas: int
    requests_per_second: float
    context: Lengths
    generated: Lengths
    prefix: PrefixCache
    tenants: tuple[Tenant, ...]
    engine: EngineProfile = field(default_factory=EngineProfile)
    region: str = "eu-west"
    regions: tuple[str, ...] = ()  # replicas take turns in them; empty: all in `region`
    trace: str | None = None
    daily_swing: float = 0.28
    weekend_share: float = 0.85
    peak_hour: float = 14.0
    error_share: float = 0.00002
    timeout_seconds: float = 60.0
    speaks: str = "vllm"  # vllm | sglang: whose metrics page the replicas show

    def region_of(self, index: int) -> str:
        return self.regions[index % len(self.regions)] if self.regions else self.region


@dataclass(frozen=True, slots=True)
class FleetConfig:
    services: tuple[ServiceConfig, ...]
    seed: int = 1
    host: str = "127.0.0.1"
    port: int = 9850

    def service(self, name: str) -> ServiceConfig:
        for service in self.services:
            if service.name == name:
                return service
        known = ", ".join(service.name for service in self.services)
        raise KeyError(f"no service {name!r} in this fleet; there are: {known}")


def default_config() -> FleetConfig:
    """chat (4 replicas), code (3), batch (2)."""
    return FleetConfig(services=(_chat(), _code(), _batch()))


def _chat() -> ServiceConfig:
    return ServiceConfig(
        name="chat",
        model="llama-8b-instruct",
        version="2026.11.1",
        replicas=4,
        regions=("eu-west", "us-east"),
        requests_per_second=4.0,
        context=Lengths(median=700, sigma=0.8, low=24, high=4_096),
        generated=Lengths(median=129, sigma=0.76, low=4, high=1_000),
        prefix=PrefixCache(share=0.8, low=0.45, high=0.9, system_tokens=160),
        tenants=(Tenant("web", 0.55, "live"), Tenant("mobile", 0.30), Tenant("support-desk", 0.15)),
    )


def _code() -> ServiceConfig:
    """A smaller model: prefills faster, and a prompt of 7,437 tokens with nothing cached still takes only 0.17 s."""
    return ServiceConfig(
        name="code",
        model="coder-3b",
        version="2026.10.3",
        replicas=3,
        requests_per_second=2.0,
        context=Lengths(median=1_469, sigma=0.97, low=24, high=7_437),
        generated=Lengths(median=13, sigma=1.05, low=4, high=800),
        prefix=PrefixCache(share=0.8, low=0.6, high=0.95, system_tokens=96),
        tenants=(Tenant("ide-plugin", 0.7, "live"), Tenant("review-bot", 0.2), Tenant("notebooks", 0.1)),
        engine=EngineProfile(step_seconds=0.019, prefill_tokens_per_second=100_000.0, chunk_tokens=2_048),
    )


def _batch() -> ServiceConfig:
    return ServiceConfig(
        name="batch",
        model="llama-8b-instruct",
        version="2026.11.1",
        replicas=2,
        requests_per_second=0.6,
        context=Lengths(median=320, sigma=0.65, low=32, high=2_048),
        generated=Lengths(median=230, sigma=0.7, low=16, high=1_200),
        prefix=PrefixCache(share=0.5, low=0.3, high=0.7, system_tokens=64),
        tenants=(Tenant("labelling", 0.45, "bulk"), Tenant("reports", 0.30), Tenant("research", 0.25, "bulk")),
        daily_swing=0.15,
        weekend_share=0.95,
        peak_hour=2.0,
    )
