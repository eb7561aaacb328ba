"""The sums of one objective, row by row, for tests that look at all of them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from sloengine.budgets.models import TallyFinest, TallyPlace
from sloengine.budgets.tallies import sums
from sloengine.objectives.models import Objective


def rows(objective: Objective) -> list[tuple[datetime, dict[str, float]]]:
    """What the finest tier holds of it, oldest first."""
    place = TallyPlace.objects.filter(objective=objective).first()
    if place is None:
        return []
    names = ("numerator", "denominator", "good", "total", "covered", "readings", "seen")
    held = (
        TallyFinest.objects.filter(block=place.block_id, at__gte=place.began_at)
        .order_by("at")
        .values_list("at", "sums")
    )
    read = [(at, sums.read(bytes(row))) for at, row in held]
    return [
        (at, dict(zip(names, np.nan_to_num(matrix[:, place.position]).tolist(), strict=True)))
        for at, matrix in read
        if place.position < matrix.shape[1]
    ]


def everything() -> dict[str, list[tuple[datetime, dict[str, float]]]]:
    """The rows of every objective, by its name."""
    return {str(one): rows(one) for one in Objective.objects.select_related("service")}
