"""The simulated fleet in virtual time: advance it, scrape it, ask it, break it. The clock is whatever the caller says.

TargetDown      a scrape of a replica whose process is gone
UnknownName     no such target, service, version or fault here: what was asked for and what there is
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from probes.exposition import Page, render
from probes.simfleet import answers, app, gateway, gpu
from probes.simfleet.config import FleetConfig, default_config
from probes.simfleet.faults import BENIGN, FAULTS, Fault
from probes.simfleet.faults.fault import TIMES
from probes.simfleet.mechanisms import MECHANISMS, Mechanism
from probes.simfleet.pool import Pool
from probes.simfleet.replica import Replica
from probes.simfleet.traffic import read_trace

__all__ = [
    "BENIGN",
    "FAULTS",
    "MECHANISMS",
    "Fleet",
    "FleetConfig",
    "SimCompletion",
    "SimTarget",
    "TargetDown",
    "UnknownName",
    "default_config",
]


#: Quality that an answer loses when it is made from the wrong passages.
STALE_COSTS = 0.8


class TargetDown(ConnectionError):
    pass


class UnknownName(KeyError):
    def __init__(self, kind: str, name: str, known: object) -> None:
        super().__init__(f"no {kind} {name!r}; there are: {', '.join(str(one) for one in known)}")  # type: ignore[attr-defined]

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class SimTarget:
    """Something with a metrics page. `replica` is the engine that a GPU carries, the engine's own name, or empty."""

    name: str
    service: str
    region: str
    model: str
    version: str
    kind: str  # engine | gateway | gpu | client
    replica: str = ""
    gpus: tuple[str, ...] = ()  # UUIDs


@dataclass(frozen=True, slots=True)
class SimCompletion:
    """One answer; times are seconds since the request was sent, token_seconds[0] is first_token_seconds."""

    outcome: str  # ok | error | timeout
    text: str
    first_token_seconds: float | None
    token_seconds: tuple[float, ...]
    prompt_tokens: int
    version: str
    replica: str
    finish_reason: str = "stop"  # or length: max_tokens cut it
    retrieved: tuple[str, ...] | None = None  # passages that came with it; None where the service looks none up


@dataclass(frozen=True, slots=True)
class _Handle:
    kind: str
    pool: Pool
    replica: Replica | None = None


class Fleet:
    def __init__(self, config: FleetConfig | None = None, *, seed: int = 1, start: float) -> None:
        self.config = config or default_config()
        self.seed = seed
        self._now = start
        self._pools: dict[str, Pool] = {}
        self._handles: dict[str, _Handle] = {}
        self._active: dict[str, Callable[[], None]] = {}
        self._asked = 0
        self._named: list[int] = []  # replicas of each service that have their pages
        self._mechanisms: dict[tuple[str, str], Callable[[], None]] = {}
        for service in self.config.services:
            trace = read_trace(Path(service.trace)) if service.trace else None
            self._pools[service.name] = Pool(service, seed=seed, start=start, trace=trace)
        self.rename()

    def rename(self) -> None:
        """Every page by its name; anew where replicas came or went."""
        self._handles, self._named = {}, self._sizes()
        for service, pool in self._pools.items():
            for replica in pool.replicas:
                self._handles[replica.name] = _Handle("engine", pool, replica)
                self._handles[f"gpu-{replica.name}"] = _Handle("gpu", pool, replica)
            self._handles[f"gateway-{service}"] = _Handle("gateway", pool)
            self._handles[f"client-{service}"] = _Handle("client", pool)

    def _sizes(self) -> list[int]:
        return [len(pool.replicas) for pool in self._pools.values()]

    @property
    def now(self) -> float:
        return self._now

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self._pools)

    @property
    def targets(self) -> tuple[SimTarget, ...]:
        return tuple(self._target(name, handle) for name, handle in self._handles.items())

    def advance(self, to: float) -> None:
        """Play up to a moment; a moment that has passed changes nothing."""
        if to <= self._now:
            return
        for pool in self._pools.values():
            pool.advance(to)
        self._now = to
        if self._named != self._sizes():
            self.rename()

    def pool(self, service: str) -> Pool:
        if service not in self._pools:
            raise UnknownName("service", service, self._pools)
        return self._pools[service]

    def replica(self, name: str) -> Replica | None:
        handle = self._handles.get(name)
        return handle.replica if handle is not None and handle.kind == "engine" else None

    def scrape(self, target_name: str) -> Page:
        handle = self._handle(target_name)
        if handle.kind == "client":
            return app.samples(settled=handle.pool.clients.settled)
        if handle.replica is None:
            return handle.pool.gateway.samples(in_flight=handle.pool.running + handle.pool.waiting)
        if handle.kind == "gpu":
            return handle.replica.gpu_samples(self._now)
        if not handle.replica.up or handle.replica.unseen:
            raise TargetDown(f"{target_name}: connection refused")
        return handle.replica.samples(self._now)

    def text(self, target_name: str) -> str:
        """The same page as text, with its TYPE lines."""
        handle = self._handle(target_name)
        if handle.kind == "engine" and handle.replica is not None and handle.replica.up and not handle.replica.unseen:
            return handle.replica.text(self._now)
        types = {"gateway": gateway.TYPES, "client": app.TYPES}.get(handle.kind, gpu.TYPES)
        return render(self.scrape(target_name), types=types)

    def complete(
        self,
        service: str,
        prompt: str,
        max_tokens: int,
        model_version: str | None = None,
        *,
        replica: str | None = None,
    ) -> SimCompletion:
        """Ask as a client would, timed by the load of this moment; the request itself is too small to be part of it.

        `model_version` asks a release that ran before (replay); None asks what the router gives.
        """
        pool = self.pool(service)
        self._asked += 1
        rng = random.Random(f"{self.seed} {service} {self._asked} {self._now:.3f}")
        chosen = pool.pick(rng) if replica is None else self.replica(replica)
        prompt_tokens = max(1, len(prompt) // 4)
        if chosen is None or not chosen.up:
            return SimCompletion(
                "error", "", None, (), prompt_tokens, pool.release.version, "" if chosen is None else chosen.name
            )
        release = chosen.release
        if model_version is not None:
            if model_version not in pool.releases:
                raise UnknownName("version", model_version, pool.releases)
            release = pool.releases[model_version]
        failing = pool.failing + release.failing
        if failing and rng.random() < failing:
            return SimCompletion("error", "", None, (), prompt_tokens, release.version, chosen.name)
        kind = answers.slice_of(prompt)
        retrieved = answers.retrieved(service, prompt, fresh=pool.fresh, rng=rng)
        stale = 0.0 if retrieved is None else STALE_COSTS * (1.0 - pool.fresh)
        text = answers.answer(
            prompt,
            quality=release.quality_of(kind) - pool.worn - stale,
            rng=rng,
            broken_calls=release.broken_calls,
            unsafe=release.unsafe,
        )
        if chosen.engine.hung_at is not None:
            return SimCompletion("timeout", "", None, (), prompt_tokens, release.version, chosen.name)
        engine, profile = chosen.engine, chosen.config.engine
        step = engine.step_seconds * release.step_ratio / chosen.release.step_ratio
        wait = engine.expected_wait() + step * rng.random()
        prefill = step + prompt_tokens / profile.prefill_tokens_per_second * engine.prefill_factor
        prefill += engine.prefill_wait_seconds
        first = profile.overhead_seconds + wait + prefill * rng.uniform(0.95, 1.05)
        if first > pool.config.timeout_seconds:
            return SimCompletion("timeout", "", None, (), prompt_tokens, release.version, chosen.name)
        whole = answers.pieces(text)
        pieces = whole[: max(1, max_tokens)]
        at = first
        times = [first]
        for _ in pieces[1:]:
            after = at + step * rng.uniform(0.94, 1.06)
            if self._now + at < engine.next_stall <= self._now + after:
                after += engine.stall_seconds
            at = after
            times.append(at)
        reason = "stop" if len(pieces) == len(whole) else "length"
        return SimCompletion(
            "ok", "".join(pieces), first, tuple(times), prompt_tokens, release.version, chosen.name, reason, retrieved
        )

    def start_fault(
        self,
        name: str,
        *,
        service: str | None = None,
        target: str | None = None,
        onset: str | None = None,
        **parameters: float,
    ) -> None:
        """A fault or a benign event. Starting what is active changes nothing. `service`, `target` ("region:us-east"), `onset` and any
        of its parameters may differ from the default; WrongTarget says what does not fit."""
        fault = self._fault(name)
        if unknown := sorted(parameters.keys() - fault.parameters.keys() - TIMES.keys()):
            raise UnknownName(f"parameter of {name}", unknown[0], [*fault.parameters, *TIMES])
        if name in self._active:
            return
        given: Mapping[str, float] = {**fault.parameters, **parameters}
        self._active[name] = fault.start(self.pool(service or fault.service), target=target, onset=onset, given=given)
        self.rename()

    def stop_fault(self, name: str) -> None:
        """Stopping what is not active changes nothing."""
        self._fault(name)
        end = self._active.pop(name, None)
        if end is not None:
            end()
            self.rename()

    def _fault(self, name: str) -> Fault:
        known = {**FAULTS, **BENIGN}
        if name not in known:
            raise UnknownName("fault", name, known)
        return known[name]

    def start_mechanism(self, name: str, *, service: str | None = None, **parameters: float) -> None:
        """One cause alone, in any service, with any of its parameters; starting what is active changes nothing."""
        mechanism, chosen = self._mechanism(name), service or next(iter(self._pools))
        pool = self.pool(chosen)
        if unknown := sorted(parameters.keys() - mechanism.parameters.keys()):
            raise UnknownName(f"parameter of {name}", unknown[0], mechanism.parameters)
        if (name, chosen) not in self._mechanisms:
            self._mechanisms[name, chosen] = mechanism.begin(pool, {**mechanism.parameters, **parameters})
            self.rename()

    def stop_mechanism(self, name: str, *, service: str | None = None) -> None:
        """Stopping what is not active changes nothing."""
        self._mechanism(name)
        end = self._mechanisms.pop((name, service or next(iter(self._pools))), None)
        if end is not None:
            end()
            self.rename()

    def _mechanism(self, name: str) -> Mechanism:
        if name not in MECHANISMS:
            raise UnknownName("mechanism", name, MECHANISMS)
        return MECHANISMS[name]

    @property
    def active_mechanisms(self) -> tuple[tuple[str, str], ...]:
        """Name and service."""
        return tuple(self._mechanisms)

    @property
    def active_faults(self) -> tuple[str, ...]:
        return tuple(self._active)

    def _handle(self, target_name: str) -> _Handle:
        if target_name not in self._handles:
            raise UnknownName("target", target_name, self._handles)
        return self._handles[target_name]

    def _target(self, name: str, handle: _Handle) -> SimTarget:
        config, replica = handle.pool.config, handle.replica
        target = SimTarget(name, config.name, config.region, config.model, handle.pool.release.version, handle.kind)
        if replica is None:
            return target
        return replace(
            target,
            region=replica.region,
            version=replica.release.version,
            replica=replica.name,
            gpus=(replica.gpu.uuid,),
        )
