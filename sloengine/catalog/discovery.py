"""Services and deployments as the labels of a reading name them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from probes.exposition import Series
from probes.signals import PREFIX

if TYPE_CHECKING:
    from sloengine.collect.increments import Positions, Register

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


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one series says: a service, and what of it serves; `told` by config_info, else read off its labels."""

    service: str
    serving: Seen | None
    told: bool


class Sightings:
    """What the series of a register say; of a reading with a few new series only those are looked at."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self._sights: dict[_Sight | None, int] = {None: 0}
        self._of = np.empty(0, np.intp)

    def find(self, numbers: Positions) -> Found:
        """What a reading of the series with these numbers shows."""
        new = [self._sights.setdefault(_sight(one), len(self._sights)) for one in self.register.keys[len(self._of) :]]
        if new:
            self._of = np.append(self._of, np.array(new, np.intp))
        sights = list(self._sights)
        return _found(sights[place] for place in np.unique(self._of[numbers]))


def find(series: Iterable[Series]) -> Found:
    """Services from any canonical series. Deployments from config_info; of a service without one, from the version labels of
    its other series."""
    return _found({_sight(one) for one in series})


def _sight(one: Series) -> _Sight | None:
    if not one.name.startswith(PREFIX):
        return None
    labels = dict(one.labels)
    service = storable(labels.get("service", ""))
    if not service:
        return None
    told = one.name == CONFIG_INFO
    return _Sight(service, _seen(labels) if told or labels.get("version") else None, told)


def _found(sights: Iterable[_Sight | None]) -> Found:
    every = [one for one in sights if one is not None]
    told = {one.serving for one in every if one.told and one.serving is not None}
    known = {one.service for one in told}
    labelled = {one.serving for one in every if not one.told and one.serving is not None and one.service not in known}
    return Found(frozenset(one.service for one in every), frozenset(told | labelled))


def storable(text: str, *, longest: int = LONGEST) -> str:
    """As a column takes it, and without what divides the parts of a slot's key: a NUL that some tenant has in its name must not
    stop the collecting of all."""
    if text.isprintable() and len(text) <= longest:
        return text
    return text.translate(_NOT_STORED)[:longest]


def _seen(labels: Mapping[str, str]) -> Seen:
    return Seen(*(storable(labels.get(name, "")) for name in Seen._fields))
