"""An objective, and what each indicator measures. Pure.

A service-level objective is a promise about a share: of requests (occurrences) or of minutes (timeslices). Both come down to
two counters, numerator and denominator, read between two instants: requests within the threshold and requests; or the sum of
similarities and the number of answers. A timeslice is good when numerator / denominator reaches `slice_target`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class Indicator(StrEnum):
    AVAILABILITY = "availability"
    LATENCY = "latency"
    TTFT = "ttft"
    INTER_TOKEN = "inter_token"  # noqa: S105 - a token of a language model
    PER_TOKEN = "per_token"  # noqa: S105
    QUEUE = "queue"
    QUALITY = "quality"
    SAFETY = "safety"


class Method(StrEnum):
    OCCURRENCES = "occurrences"
    TIMESLICES = "timeslices"


class Reading(StrEnum):
    """How numerator and denominator are read from rollups."""

    WITHIN = "within"  # a histogram: events at or under the threshold, events
    OUTCOMES = "outcomes"  # a counter by outcome: ok, and everything that counts
    MEAN = "mean"  # two counters: sum of values, number of values
    UNBROKEN = "unbroken"  # two counters: events less violations, events
    GAUGE = "gauge"  # a gauge: sum of its readings, number of them


@dataclass(frozen=True, slots=True)
class Measure:
    """`counted` and `good` are outcomes; `over` is the second family of MEAN and UNBROKEN."""

    reading: Reading
    family: str
    over: str = ""
    good: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()
    noun: str = "requests"
    promise: str = "without a violation"  # what a good one does, before the threshold
    budget: str = ""  # "chat is burning its <budget> budget"


#: R9's table of what counts as bad for availability: errors (5xx and streams broken after 200), timeouts, and what our own
#: admission rejected. Other 4xx are `ok`, a tenant over its own quota too; a client's abort counts neither way.
COUNTED_OUTCOMES = frozenset({"ok", "error", "timeout", "rejected"})

MEASURES: Mapping[Indicator, Measure] = {
    Indicator.AVAILABILITY: Measure(
        Reading.OUTCOMES,
        "requests_total",
        good=frozenset({"ok"}),
        counted=COUNTED_OUTCOMES,
        promise="answered",
        budget="availability",
    ),
    Indicator.LATENCY: Measure(Reading.WITHIN, "e2e_seconds", promise="end within", budget="latency"),
    Indicator.TTFT: Measure(
        Reading.WITHIN, "ttft_seconds", promise="get their first token within", budget="first-token"
    ),
    Indicator.INTER_TOKEN: Measure(
        Reading.WITHIN, "inter_token_seconds", noun="tokens", promise="follow within", budget="next-token"
    ),
    Indicator.PER_TOKEN: Measure(
        Reading.WITHIN, "per_token_seconds", promise="take per token at most", budget="time-per-token"
    ),
    Indicator.QUEUE: Measure(Reading.WITHIN, "queue_seconds", promise="queue for at most", budget="queue-delay"),
    Indicator.QUALITY: Measure(
        Reading.MEAN,
        "answer_similarity_sum_total",
        over="answer_similarity_samples_total",
        noun="answers",
        budget="answer-quality",
    ),
    Indicator.SAFETY: Measure(
        Reading.UNBROKEN,
        "safety_violations_total",
        over="canary_requests_total",
        noun="answers",
        budget="safety",
    ),
}
#: Indicators whose threshold is an upper bound in seconds.
TIMED = frozenset(one for one, measure in MEASURES.items() if measure.reading is Reading.WITHIN)
#: The first question of the decision tree is about these (R20); quality and safety answer the second.
SERVING = TIMED | {Indicator.AVAILABILITY}


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise. Target and slice target are ratios: Decimal("0.995") leaves 0.5 % of the window to be bad.

    Of 30 days in 1-minute timeslices that is 216 bad minutes; of 1,000,000 requests it is 5,000.
    """

    service: str
    slug: str
    title: str
    indicator: Indicator
    method: Method
    target: Decimal
    window: timedelta
    threshold: float | None = None  # seconds for timed indicators, a similarity for quality, none for availability
    slice_seconds: int = 60
    slice_target: float | None = None  # timeslices only
    where: tuple[tuple[str, str], ...] = ()  # labels that narrow the series, sorted
    description: str = ""

    @property
    def budget(self) -> Decimal:
        """The share that may be bad: exactly 0.001 for a target of 0.999."""
        return 1 - self.target

    @property
    def key(self) -> str:
        return f"{self.service}/{self.slug}"


@dataclass(frozen=True, slots=True)
class Bound:
    """The bucket bound that stands for a threshold; None when every bound of the source lies above it."""

    asked: float
    used: float | None

    @property
    def notice(self) -> str:
        """Empty when the bound is exact, else the sentence that the objective carries wherever it is shown."""
        if self.used is None:
            return f"Cannot be judged: the engine has no bound at or below {self.asked:g} s."
        if self.used == self.asked:
            return ""
        return f"Judged at {self.used:g} s: the engine has no {self.asked:g} s bound."


def judged_bound(*, threshold: float, bounds: Iterable[float]) -> Bound:
    """The nearest bound at or below the threshold, never interpolated: 0.3 s over (0.1, 0.25, 0.5) is judged at 0.25 s."""
    return Bound(asked=threshold, used=max((bound for bound in bounds if bound <= threshold), default=None))


def goal_sentence(objective: Objective) -> str:
    """The promise in words: "95 % of requests get their first token within 250 ms in 99.5 % of minutes, over 30 days"."""
    span = _span(objective.window)
    target = f"{_percent(objective.target)} %"
    measure = MEASURES[objective.indicator]
    if objective.method is Method.OCCURRENCES:
        return f"{target} of {measure.noun} {_quality_of_one(objective)}, over {span}"
    slices = "minutes" if objective.slice_seconds == 60 else f"{objective.slice_seconds // 60}-minute slices"
    share = objective.slice_target or 0.0
    if measure.reading is Reading.MEAN:
        return f"mean answer similarity at least {share:g} in {target} of {slices}, over {span}"
    return f"{_percent(Decimal(str(share)))} % of {measure.noun} {_quality_of_one(objective)} in {target} of {slices}, over {span}"


def budget_name(indicator: str) -> str:
    """The budget in words: "ttft" is "first-token"; of an indicator that nobody knows its own name."""
    known = {str(one): measure.budget for one, measure in MEASURES.items()}
    return known.get(indicator, indicator.replace("_", "-"))


def _quality_of_one(objective: Objective) -> str:
    promise = MEASURES[objective.indicator].promise
    timed = objective.indicator in TIMED and objective.threshold is not None
    return f"{promise} {duration(objective.threshold or 0.0)}" if timed else promise


def duration(seconds: float) -> str:
    """0.25 is "250 ms", 2.5 is "2.5 s"."""
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _percent(ratio: Decimal) -> str:
    return f"{(ratio * 100).normalize():f}"


def _span(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    if hours % 24 == 0:
        return "1 day" if hours == 24 else f"{hours / 24:g} days"
    return "1 hour" if hours == 1 else f"{hours:g} hours"
