"""Which objectives suit what a source shows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sloengine.objectives.objective import Objective


@dataclass(frozen=True, slots=True)
class Proposals:
    """What can be promised now, and what the source has no signal for: ("chat/answer-quality", "answer_similarity_sum_total")."""

    promises: tuple[Objective, ...]
    left_out: tuple[tuple[str, str], ...]


def proposals(promises: Iterable[Objective], *, families: Mapping[str, Collection[str]]) -> Proposals:
    """Of these objectives those whose families their service shows."""
    chosen: list[Objective] = []
    left_out: list[tuple[str, str]] = []
    for promise in promises:
        shown = families.get(promise.service, ())
        missing = [
            [family for family in (measure.family, measure.over) if family and family not in shown]
            for measure in promise.measures
        ]
        if all(missing):
            left_out.append((promise.key, missing[0][0]))
        else:
            chosen.append(promise)
    return Proposals(tuple(chosen), tuple(left_out))
