"""What one reading shows of a fleet, and what it cannot tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from probes.exposition import Series
from probes.signals import PREFIX
from sloengine.collect.slots import family_and_part

UNKNOWN = "unknown"
UP = PREFIX + "target_up"
#: Families whose absence is worth a word, with what cannot be told then.
WORTH_A_WORD = {
    "requests_total": "how many requests fail",
    "ttft_seconds": "how long first tokens take",
    "inter_token_seconds": "how long the next token takes",
    "queue_seconds": "how long requests queue",
    "answer_similarity_ratio": "whether answers are still good: that takes a probe's canary prompts",
}


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """One service: its replicas, models and versions by name, and the families it has."""

    service: str
    replicas: tuple[str, ...]
    models: tuple[str, ...]
    versions: tuple[str, ...]
    gpus: tuple[str, ...]
    families: frozenset[str]


@dataclass(frozen=True, slots=True)
class Overview:
    services: tuple[ServiceSeen, ...]
    gpus: int
    unjoined_gpus: int
    cannot_tell: tuple[str, ...]

    def families(self) -> dict[str, frozenset[str]]:
        return {one.service: one.families for one in self.services}


def overview(series: Iterable[Series], *, counted_by_engine: frozenset[str] = frozenset()) -> Overview:
    """The services of a canonical reading. Of those in `counted_by_engine` no gateway counts requests."""
    seen: dict[str, dict[str, set[str]]] = {}
    unjoined: set[str] = set()
    gpus: set[str] = set()
    for one in series:
        labels = dict(one.labels)
        service = labels.get("service", "")
        if not one.name.startswith(PREFIX) or not service:
            continue
        if labels.get("gpu", "none") != "none":
            gpus.add(labels["gpu"])
            if labels.get("replica") == "unjoined":
                unjoined.add(labels["gpu"])
        if service == UNKNOWN:
            continue
        about = seen.setdefault(
            service, {name: set() for name in ("replica", "up", "model", "version", "gpu", "family")}
        )
        if one.name == UP:  # of engines alone; a gateway is no replica
            about["up"].add(labels.get("replica", UNKNOWN))
        for name in ("replica", "model", "version", "gpu"):
            if labels.get(name, UNKNOWN) not in (UNKNOWN, "unjoined", "none"):
                about[name].add(labels[name])
        about["family"].add(family_and_part(one.name)[0])
    services = tuple(
        ServiceSeen(
            service,
            tuple(sorted(about["up"] or about["replica"])),
            tuple(sorted(about["model"])),
            tuple(sorted(about["version"])),
            tuple(sorted(about["gpu"])),
            frozenset(about["family"]),
        )
        for service, about in sorted(seen.items())
        if about["family"] - {"exporter_up"}
    )
    return Overview(services, len(gpus), len(unjoined), tuple(_gaps(services, len(unjoined), counted_by_engine)))


def _gaps(services: tuple[ServiceSeen, ...], unjoined: int, counted_by_engine: frozenset[str]) -> Iterable[str]:
    def named(which: Iterable[str]) -> str:
        return ", ".join(sorted(which))

    for family, words in WORTH_A_WORD.items():
        without = [one.service for one in services if family not in one.families]
        if without:
            yield f"{named(without)}: {words}."
    counted = counted_by_engine & {one.service for one in services if "requests_total" in one.families}
    if counted:
        yield f"{named(counted)}: requests that fail before they reach an engine. No gateway counts them here."
    versions = [one.service for one in services if not one.versions]
    if versions:
        yield f"{named(versions)}: which version serves. Give its label by --version-label, so that releases are seen."
    if services and not any(one.gpus for one in services):
        yield (
            "Which GPUs serve: no GPU exporter's series name a replica."
            if not unjoined
            else (f"Which replica runs on {unjoined} GPUs: neither pod nor host joins them.")
        )
    elif unjoined:
        yield f"Which replica runs on {unjoined} of the GPUs: neither pod nor host joins them."
