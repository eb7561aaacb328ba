"""Services and deployments as the labels of a reading name them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from probes.exposition import Series
from probes.signals import PREFIX

CONFIG_INFO = PREFIX + "config_info"
#: As long as the columns are that hold labels.
LONGEST = 200
_NOT_STORED = dict.fromkeys((0x00, 0x1F), "\N{REPLACEMENT CHARACTER}")


class Seen(NamedTuple):
    """What serves in a region; empty where no label says so."""

    service: str
    region: str
    version: str
    model: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class Found:
    services: frozenset[str] = frozenset()
    deployments: frozenset[Seen] = frozenset()


def find(series: Iterable[Series]) -> Found:
    """Services from any canonical series. Deployments from config_info; of a service without one, from the version labels of
    its other series."""
    services: set[str] = set()
    told: set[Seen] = set()
    labelled: set[Seen] = set()
    for one in series:
        if not one.name.startswith(PREFIX):
            continue
        labels = dict(one.labels)
        service = storable(labels.get("service", ""))
        if not service:
            continue
        services.add(service)
        if one.name == CONFIG_INFO:
            told.add(_seen(labels))
        elif labels.get("version"):
            labelled.add(_seen(labels))
    known = {one.service for one in told}
    return Found(frozenset(services), frozenset(told | {one for one in labelled if one.service not in known}))


def storable(text: str, *, longest: int = LONGEST) -> str:
    """As a column takes it, and without what divides the parts of a slot's key: a NUL that some tenant has in its name must not
    stop the collecting of all."""
    return text.translate(_NOT_STORED)[:longest]


def _seen(labels: Mapping[str, str]) -> Seen:
    return Seen(*(storable(labels.get(name, "")) for name in Seen._fields))
