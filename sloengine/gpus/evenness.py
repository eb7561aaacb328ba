"""Which GPU stands out among its siblings. Pure. Utilisation is a ratio 0..1; spread and imbalance are percentage points.

Spread: how much one GPU's utilisation moves within five minutes while requests run. Imbalance: how far the GPUs of one replica are
apart. Either over 15 points is worth a look (R1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

LIMIT_POINTS = 15.0
Steps = tuple[tuple[datetime, float | None], ...]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: `mean` over the time that `steps` cover, None where it was not read; `name` says it apart from its siblings."""

    service: str
    name: str
    mean: float | None
    steps: Steps


@dataclass(frozen=True, slots=True)
class ServiceGpus:
    """The GPUs of one service; `spread` and `imbalance` in points over the range, their means None where nothing tells them."""

    service: str
    name: str
    simulated: bool
    gpus: tuple[Gpu, ...]
    spread: Steps
    imbalance: Steps
    spread_mean: float | None
    imbalance_mean: float | None

    @property
    def mean(self) -> float | None:
        known = [one.mean for one in self.gpus if one.mean is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class Outlier:
    """A GPU beside the median of its siblings: at 0.22 where they are at 0.71 it is 49 points below."""

    gpu: Gpu
    usual: float

    @property
    def points(self) -> float:
        return ((self.gpu.mean or 0.0) - self.usual) * 100


def names(keys: Collection[tuple[str, str]], *, service: str) -> dict[tuple[str, str], str]:
    """What each (replica, gpu) is called: by its replica where that has but one, else with what tells it from its siblings.

    >>> names([("chat-0", "GPU-ff966606-500e-475b"), ("chat-1", "0"), ("chat-1", "1")], service="chat")
    {('chat-0', 'GPU-ff966606-500e-475b'): 'chat-0', ('chat-1', '0'): 'chat-1/0', ('chat-1', '1'): 'chat-1/1'}
    """
    siblings = Counter(replica for replica, _ in keys)
    found = {}
    for replica, gpu in keys:
        who = replica or "unjoined"
        who = who if service in who else f"{service} {who}"
        found[replica, gpu] = who if siblings[replica] == 1 else f"{who}/{gpu.removeprefix('GPU-')[:8]}"
    return found


def outlier(gpus: Sequence[Gpu]) -> Outlier | None:
    """Of one service's GPUs the one furthest from the median of the others; None of fewer than three."""
    known = [one for one in gpus if one.mean is not None]
    if len(known) < 3:
        return None
    found = [Outlier(one, median(other.mean or 0.0 for other in known if other is not one)) for one in known]
    return max(found, key=lambda one: abs(one.points))
