"""How near an answer is to its stored references, and the mean of the latest. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from probes import embed

LATEST = 10  # answers in the gauge


def similarity(answer: str, references: Sequence[str]) -> float | None:
    """The cosine to the nearest reference: several right answers may be stored. None where none is stored."""
    if not references:
        return None
    return max(embed.similarity(answer, reference) for reference in references)


class LatestMean:
    """The mean over the latest answers: of 0.96, 0.97 and 0.98 it is 0.97."""

    def __init__(self, size: int = LATEST) -> None:
        self._latest: deque[float] = deque(maxlen=size)

    def add(self, value: float) -> float:
        self._latest.append(value)
        return sum(self._latest) / len(self._latest)
