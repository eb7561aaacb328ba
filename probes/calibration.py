"""What is normal for a prompt and for a slice: baseline, noise and threshold, from answers recorded while all was well. Pure.

The baseline of a prompt is the mean cosine of each recorded answer to the nearest of the others; its noise is their standard
deviation. At temperature 0 answers still differ, because the order of additions in a batch does: that noise is in the recorded
answers, so a threshold made from them lies beyond it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: REQUIREMENTS R1: 0.92 where the healthy baseline is near 0.97; else as far below as those are apart.
R1_BASELINE, R1_THRESHOLD, NEAR = 0.97, 0.92, 0.015
FALL = R1_BASELINE - R1_THRESHOLD
#: The threshold is held against the mean of so many answers, and lies at least so many of its standard errors below the baseline.
WINDOW, STANDARD_ERRORS = 10, 3.0
LEAST_MARGIN, LEAST_ACCURACY_MARGIN = 0.01, 0.05

Similarities = Callable[[str, Sequence[str]], list[float]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Of a prompt, or of a slice: then over its prompts."""

    mean: float
    noise: float  # standard deviation of one answer's cosine around its prompt's mean
    answers: int
    accuracy: float | None = None  # share of answers that held all assertions; None: no assertions

    @property
    def threshold(self) -> float:
        """0.92 for a baseline of 0.97 with noise 0.008; 0.45 for one of 0.5; 0.405 for one of 0.5 with noise 0.1."""
        error = STANDARD_ERRORS * self.noise / math.sqrt(WINDOW)
        if abs(self.mean - R1_BASELINE) <= NEAR and self.mean - error >= R1_THRESHOLD:
            return R1_THRESHOLD
        return self.mean - max(FALL, error)

    @property
    def margin(self) -> float:
        """The sequential test asks whether the mean fell by more: the noise of one answer, since the load at which numerics
        were recorded is not the load of every hour, and 0.01 at least, since the baseline itself is an estimate."""
        return max(LEAST_MARGIN, self.noise)

    @property
    def least_accuracy(self) -> float | None:
        """0.95 where all 50 recorded answers were right; with 45 of 50 right 0.85, as 0.9 is known to 0.042."""
        if self.accuracy is None:
            return None
        error = math.sqrt(self.accuracy * (1.0 - self.accuracy) / max(1, self.answers))
        return self.accuracy - max(LEAST_ACCURACY_MARGIN, error)


def prompt(
    answers: Sequence[str], similarities: Similarities, *, right: Sequence[bool] | None = None
) -> Baseline | None:
    """None where there are not two answers to compare. `right`: whether each answer held all assertions."""
    if len(answers) < 2:
        return None
    near = [max(similarities(one, [*answers[:at], *answers[at + 1 :]])) for at, one in enumerate(answers)]
    accuracy = sum(right) / len(right) if right else None
    return Baseline(statistics.fmean(near), statistics.stdev(near), len(near), accuracy)


def slice_of(prompts: Sequence[Baseline]) -> Baseline:
    """The mean over prompts, each counted by its answers; the noise is that within prompts, not between them."""
    answers = sum(one.answers for one in prompts)
    freedom = sum(one.answers - 1 for one in prompts)
    asserted = [one for one in prompts if one.accuracy is not None]
    return Baseline(
        mean=sum(one.mean * one.answers for one in prompts) / answers,
        noise=math.sqrt(sum(one.noise**2 * (one.answers - 1) for one in prompts) / freedom),
        answers=answers,
        accuracy=sum((one.accuracy or 0.0) * one.answers for one in asserted) / sum(one.answers for one in asserted)
        if asserted
        else None,
    )
