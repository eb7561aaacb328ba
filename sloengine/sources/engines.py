"""Engines' own series in a Prometheus, made canonical through the dialects: a fleet without a probe.

A target is a (job, instance). Its service, replica, version and region are the first of some labels that it has; its model is
what its series say. `up` is target_up. A GPU exporter's series belong to the replica whose pod, or else whose host, they name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from probes import dialects
from probes.dialects import Dialect
from probes.dialects.translate import UNKNOWN, Origin, Plan, page_model, plan
from probes.exposition import Samples, Series
from probes.signals import PREFIX, SIGNALS

UP: Final = "up"
_REPLICA: Final = SIGNALS["target_up"].labels
_EXPORTER: Final = SIGNALS["exporter_up"].labels


@dataclass(frozen=True, slots=True)
class Naming:
    """Which labels name what, the first that a target has; `jobs` are watched even while all their targets are down."""

    dialects: tuple[str, ...] = ()  # empty: all that ship
    service: tuple[str, ...] = ("service", "app_kubernetes_io_name", "app", "job")
    replica: tuple[str, ...] = ("pod", "instance")
    version: tuple[str, ...] = ("version", "app_kubernetes_io_version")
    region: tuple[str, ...] = ("region", "topology_kubernetes_io_region", "cluster")
    jobs: tuple[str, ...] = ()

    def known(self) -> tuple[Dialect, ...]:
        return tuple(one for one in dialects.shipped() if not self.dialects or one.name in self.dialects)

    def dump(self) -> dict[str, list[str]]:
        return {name: list(getattr(self, name)) for name in _FIELDS}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Naming:
        return cls(**{name: tuple(data[name]) for name in _FIELDS if name in data})


_FIELDS: Final = ("dialects", "service", "replica", "version", "region", "jobs")


class Target(NamedTuple):
    job: str
    instance: str


@dataclass(frozen=True, slots=True)
class Found:
    """One target as its series tell it: its kind is engine, gateway or gpu."""

    target: Target
    kind: str
    dialects: tuple[str, ...]
    origin: Origin
    up: bool | None
    signals: tuple[str, ...]


def own_names(known: Iterable[Dialect], *, wanted: Iterable[str] = SIGNALS) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The series names that these dialects read: those of engines alone, and general ones such as process_start_time_seconds
    that every job in a Prometheus has. A name is an engine's own where a marker of its dialect begins as it does."""
    signals = set(wanted)
    own: dict[str, None] = {}
    general: dict[str, None] = {UP: None}
    for dialect in known:
        beginnings = {beginning(name) for name in dialect.matches}
        own |= dict.fromkeys(dialect.matches)
        for rule in dialect.rules:
            for _family, parts in rule.names() if rule.signal in signals else ():
                for raw, _canonical in parts:
                    (own if beginning(raw) in beginnings else general)[raw] = None
    return tuple(own), tuple(general)


def beginning(name: str) -> str:
    """What an engine's names have in common: "vllm:" of vllm:num_requests_running, "DCGM" of DCGM_FI_DEV_SM_CLOCK."""
    return name[: name.index(":") + 1] if ":" in name else name.partition("_")[0]


@dataclass(frozen=True, slots=True)
class _Whole:
    """Where everything of one list of series goes: a plan a target (or a GPU's owner) with the places of its series, and `up`."""

    seen: tuple[Series, ...] = ()
    plans: tuple[tuple[tuple[int, ...], Plan], ...] = ()
    up: tuple[tuple[int, Series], ...] = ()
    found: tuple[Found, ...] = ()


class Translator:
    """Plans once for a set of series, and again when a target or a series comes or goes."""

    def __init__(self, naming: Naming) -> None:
        self._naming, self._known = naming, naming.known()
        self._plan = _Whole()
        self._models: dict[Target, str] = {}  # of targets that are down now
        self._kinds: dict[Target, str] = {}

    @property
    def found(self) -> tuple[Found, ...]:
        return self._plan.found

    def canonical(self, samples: Mapping[Series, float]) -> Samples:
        """The canonical samples of everything that a Prometheus showed at one instant."""
        if (seen := tuple(samples)) != self._plan.seen:
            self._plan = self._planned(seen, samples)
        values = list(samples.values())
        made = {one: values[place] for place, one in self._plan.up}
        for places, each in self._plan.plans:
            for one, value in each.read([values[place] for place in places])[0].items():
                # Two targets that give one series (two exporters on a host, a service without replicas) add up.
                made[one] = made[one] + value if one in made else value
        return made

    def _planned(self, seen: tuple[Series, ...], samples: Mapping[Series, float]) -> _Whole:
        places: dict[Target, list[int]] = {}
        for place, one in enumerate(seen):
            places.setdefault(target_of(one), []).append(place)
        matched: dict[Target, tuple[Dialect, ...]] = {}
        for target, group in places.items():
            names = {seen[place].name for place in group}
            if chosen := dialects.matching(names, self._known):
                matched[target] = chosen
                self._kinds[target] = _kind(chosen)
        origins: dict[Target, Origin] = {}
        for target in places:
            if target in self._kinds:
                origins[target] = self._origin(
                    target, [seen[place] for place in places[target]], matched.get(target, ())
                )
        gateways = {origins[target].service for target in origins if self._kinds[target] == "gateway"}
        hosts = _Hosts(
            {target: one for target, one in origins.items() if self._kinds[target] == "engine"}, seen, places
        )
        plans: list[tuple[tuple[int, ...], Plan]] = []
        for target, chosen in matched.items():
            kind, group = self._kinds[target], places[target]
            if kind == "gpu":
                plans += self._gpus(seen, group, chosen, hosts)
                continue
            without = {"requests_total"} if kind == "engine" and origins[target].service in gateways else ()
            raw = [seen[place] for place in group]
            plans.append((tuple(group), plan(raw, origin=origins[target], dialects=chosen, kind=kind, without=without)))
        up = [
            (place, _up(self._named(target, origins[target]), self._kinds[target]))
            for target in origins
            for place in places[target]
            if seen[place].name == UP
        ]
        found = (self._found(target, one, matched, places, seen, samples) for target, one in origins.items())
        return _Whole(seen, tuple(plans), tuple(up), tuple(found))

    def _origin(self, target: Target, group: Sequence[Series], chosen: tuple[Dialect, ...]) -> Origin:
        labels = _shared(group)

        def named(candidates: Iterable[str]) -> str:
            return next((labels[name] for name in candidates if labels.get(name)), UNKNOWN)

        naming = self._naming
        origin = Origin(
            service=named(naming.service),
            replica=named(naming.replica),
            version=named(naming.version),
            region=named(naming.region),
        )
        if chosen:
            self._models[target] = page_model(group, chosen)
        return origin

    def _named(self, target: Target, origin: Origin) -> Origin:
        """With the model that its series name, or named while there were any."""
        return replace(origin, model=self._models.get(target, ""))

    def _gpus(
        self, seen: Sequence[Series], group: Sequence[int], chosen: tuple[Dialect, ...], hosts: _Hosts
    ) -> Iterable[tuple[tuple[int, ...], Plan]]:
        """A GPU exporter speaks for several replicas; its series are told apart by whose they are."""
        owners: dict[int, tuple[Origin, list[int]]] = {}
        for place in group:
            origin = hosts.owner(seen[place])
            owners.setdefault(id(origin), (origin, []))[1].append(place)
        for origin, places in owners.values():
            raw = [seen[place] for place in places]
            yield tuple(places), plan(raw, origin=origin, dialects=chosen, kind="gpu")

    def _found(
        self,
        target: Target,
        origin: Origin,
        matched: Mapping[Target, tuple[Dialect, ...]],
        places: Mapping[Target, Sequence[int]],
        seen: Sequence[Series],
        samples: Mapping[Series, float],
    ) -> Found:
        up = next((samples[seen[place]] == 1 for place in places[target] if seen[place].name == UP), None)
        chosen = matched.get(target, ())
        group = [seen[place] for place in places[target]]
        made = {step.series.name.removeprefix(PREFIX) for step in plan(group, origin=origin, dialects=chosen).steps}
        signals = sorted({_family(name) for name in made})
        names = tuple(one.name for one in chosen)
        return Found(target, self._kinds[target], names, self._named(target, origin), up, tuple(signals))


class _Hosts:
    """Which replica a GPU's series belong to: the one whose pod they name, else the only one on their host."""

    def __init__(
        self, engines: Mapping[Target, Origin], seen: Sequence[Series], places: Mapping[Target, Sequence[int]]
    ) -> None:
        self._by_pod: dict[str, Origin] = {}
        self._by_host: dict[str, list[Origin]] = {}
        self._shared: dict[str, Origin] = {}
        for target, origin in engines.items():
            labels = dict(seen[places[target][0]].labels)
            if labels.get("pod"):
                self._by_pod[labels["pod"]] = origin
            for host in _hosts_of(labels):
                self._by_host.setdefault(host, []).append(origin)

    def owner(self, one: Series) -> Origin:
        labels = dict(one.labels)
        for name in ("exported_pod", "pod"):
            if labels.get(name, "") in self._by_pod:
                return self._by_pod[labels[name]]
        for host in _hosts_of(labels):
            there = self._by_host.get(host, [])
            if len(there) == 1:
                return there[0]
            services = {origin.service for origin in there}
            if len(services) == 1:
                key = f"{host}/{there[0].service}"
                return self._shared.setdefault(key, replace(there[0], replica="unjoined", model=""))
        return self._shared.setdefault("", Origin(service=UNKNOWN, replica="unjoined"))


def target_of(one: Series) -> Target:
    return Target(one.label("job") or "", one.label("instance") or "")


def _hosts_of(labels: Mapping[str, str]) -> list[str]:
    found = [labels.get(name, "") for name in ("node", "Hostname", "host")]
    return [host for host in (*found, labels.get("instance", "").rpartition(":")[0]) if host]


def _kind(chosen: Sequence[Dialect]) -> str:
    kinds = {one.kind for one in chosen}
    return next(kind for kind in ("engine", "gateway", "gpu", "client") if kind in kinds)


def _shared(group: Sequence[Series]) -> dict[str, str]:
    """The labels that all series of a target have with one value: those that its scrape gave it."""
    labels = set(group[0].labels)
    for one in group[1:]:
        labels.intersection_update(one.labels)
    return dict(labels)


def _up(origin: Origin, kind: str) -> Series:
    if kind == "engine":
        return Series(PREFIX + "target_up", origin.labels(_REPLICA))
    return Series(PREFIX + "exporter_up", origin.labels(_EXPORTER))


def _family(name: str) -> str:
    for part in ("_bucket", "_sum", "_count"):
        if name not in SIGNALS and name.endswith(part):
            return name.removesuffix(part)
    return name
