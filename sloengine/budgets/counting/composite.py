"""A composite is made of its parts' windows. Pure.

Per window the share of bad is the weighted mean of the parts' shares, or that of the worst part, whatever the parts count
(requests, minutes). A part without anything to judge in a window has no say in it. 1 % bad with weight 3 and 5 % bad with
weight 1 are (3 x 1 + 5) / 4 = 2 % bad; the worst of them is 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sloengine.objectives.terms import Combine

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parts:
    """The row of a composite, and the rows and weights of its parts."""

    row: int
    parts: tuple[int, ...]
    weights: tuple[float, ...]
    combine: Combine


def composed(
    *, bad: Matrix, total: Matrix, covered: Matrix, composites: Sequence[Parts]
) -> tuple[Matrix, Matrix, Matrix]:
    """`bad`, `total` and `covered` (objectives x windows) with the rows of composites filled in.

    Its total is what its parts count together, so that bad / total is its share.
    """
    bad, total, covered = bad.copy(), total.copy(), covered.copy()
    for one in composites:
        rows = list(one.parts)
        judged = total[rows] > 0
        share = np.divide(bad[rows], total[rows], out=np.zeros(judged.shape), where=judged)
        if one.combine is Combine.WORST:
            combined = share.max(axis=0, initial=0.0)
        else:
            weights = np.where(judged, np.array(one.weights)[:, None], 0.0)
            whole = weights.sum(axis=0)
            combined = np.divide((share * weights).sum(axis=0), whole, out=np.zeros(whole.shape), where=whole > 0)
        total[one.row] = total[rows].sum(axis=0)
        bad[one.row] = combined * total[one.row]
        covered[one.row] = covered[rows].max(axis=0, initial=0.0)
    return bad, total, covered
