"""An objective, and what each indicator measures. Pure.

A service-level objective is a promise about a share: of requests (occurrences), of minutes (timeslices), or the mean share
of minutes (ratio timeslices). Each comes down to two counters, numerator and denominator, read between two instants: requests
within the threshold and requests; or the sum of similarities and the number of answers. A timeslice is good when numerator /
denominator reaches `slice_target`. A composite has no counters: it is made of its parts' windows (budgets/composite.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from probes.signals import SIGNALS
from sloengine.objectives.calendars import Period, period_at
from sloengine.objectives.terms import PLAIN, Combine, Terms, Via


class Indicator(StrEnum):
    AVAILABILITY = "availability"
    LATENCY = "latency"
    TTFT = "ttft"
    INTER_TOKEN = "inter_token"  # noqa: S105 - a token of a language model
    PER_TOKEN = "per_token"  # noqa: S105
    QUEUE = "queue"
    QUALITY = "quality"
    SAFETY = "safety"
    SCHEMA = "schema"
    COST = "cost"
    QUERY = "query"  # PromQL of good and total, a ratio, or a threshold
    KPI = "kpi"  # the same, of the business; or pushed
    BURST = "burst"  # the worst ten seconds of each minute (R11)
    COMPOSITE = "composite"


class Method(StrEnum):
    OCCURRENCES = "occurrences"
    TIMESLICES = "timeslices"
    RATIO_TIMESLICES = "ratio_timeslices"


class Reading(StrEnum):
    """How numerator and denominator are read from rollups."""

    WITHIN = "within"  # a histogram: events at or under the threshold, events
    OUTCOMES = "outcomes"  # a counter by outcome: ok, and everything that counts
    MEAN = "mean"  # two counters: sum of values, number of values
    UNBROKEN = "unbroken"  # two counters: events less violations, events
    GAUGE = "gauge"  # a gauge: sum of its readings, number of them
    GAUGES = "gauges"  # two gauges: the sum of the readings of each
    GAUGES_UNBROKEN = "gauges unbroken"  # two gauges: those of `over` less those of the first, which must be there
    PER_READING = "per reading"  # counters `family` and `also` together, and the number of readings of the gauge `over`
    PARTS = "parts"  # a composite: nothing of its own


@dataclass(frozen=True, slots=True)
class Measure:
    """`counted` and `good` are outcomes; `over` is the second family of MEAN, UNBROKEN, GAUGES and PER_READING."""

    reading: Reading
    family: str
    over: str = ""
    good: frozenset[str] = frozenset()
    counted: frozenset[str] = frozenset()
    noun: str = "requests"
    promise: str = "without a violation"  # what a good one does, before the threshold
    budget: str = ""  # "chat is burning its <budget> budget"
    also: str = ""  # a further family of the numerator


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
    Indicator.SCHEMA: Measure(
        Reading.UNBROKEN,
        "schema_violations_total",
        over="canary_requests_total",
        noun="answers",
        promise="keep their schema",
        budget="schema",
    ),
    Indicator.COST: Measure(
        Reading.PER_READING,
        "generated_tokens_total",
        also="prompt_tokens_total",
        over="gpu_utilisation_ratio",
        noun="GPU readings",
        promise="cost at most",
        budget="cost",
    ),
    Indicator.QUERY: Measure(
        Reading.MEAN,
        "query_good_total",
        over="query_all_total",
        noun="events",
        promise="good by its query",
        budget="query",
    ),
    Indicator.KPI: Measure(
        Reading.MEAN,
        "query_good_total",
        over="query_all_total",
        noun="events",
        promise="good for the business",
        budget="KPI",
    ),
    Indicator.BURST: Measure(
        Reading.GAUGES_UNBROKEN,
        "burst_over_300ms_requests",
        over="burst_requests",
        noun="requests of the worst ten seconds",
        promise="get their first token within",
        budget="burst",
    ),
    Indicator.COMPOSITE: Measure(Reading.PARTS, "", noun="events of its parts", budget="composite"),
}

#: The same promise judged by somebody else: the engine's web server, the gateway, clients, or our own canaries.
ELSEWHERE: Mapping[tuple[Indicator, Via], Measure] = {
    (indicator, via): replace(MEASURES[indicator], family=family, noun=noun)
    for indicator, via, family, noun in (
        (Indicator.AVAILABILITY, Via.HTTP, "http_responses_total", "answers"),
        (Indicator.AVAILABILITY, Via.CLIENT, "client_requests_total", "requests"),
        (Indicator.AVAILABILITY, Via.CANARY, "canary_requests_total", "canary requests"),
        (Indicator.LATENCY, Via.GATEWAY, "gateway_e2e_seconds", "requests"),
        (Indicator.LATENCY, Via.CLIENT, "client_e2e_seconds", "requests"),
        (Indicator.LATENCY, Via.CANARY, "canary_e2e_seconds", "canary requests"),
        (Indicator.TTFT, Via.GATEWAY, "gateway_ttft_seconds", "requests"),
        (Indicator.TTFT, Via.CLIENT, "client_ttft_seconds", "requests"),
        (Indicator.TTFT, Via.CANARY, "canary_ttft_seconds", "canary requests"),
        (Indicator.INTER_TOKEN, Via.CLIENT, "client_inter_token_seconds", "tokens"),
        (Indicator.INTER_TOKEN, Via.CANARY, "canary_inter_token_seconds", "canary tokens"),
        (Indicator.PER_TOKEN, Via.CLIENT, "client_per_token_seconds", "requests"),
        (Indicator.PER_TOKEN, Via.CANARY, "canary_per_token_seconds", "canary requests"),
    )
}
#: Counted per tenant by the gateway, in a family of its own.
BY_TENANT = Measure(
    Reading.OUTCOMES, "tenant_requests_total", good=frozenset({"ok"}), counted=COUNTED_OUTCOMES, promise="answered",
    budget="availability",
)  # fmt: skip
#: A query that is no counter: each reading adds its value, so a ratio is weighted by its readings.
QUERY_GAUGES = Measure(
    Reading.GAUGES, "query_good", over="query_all", noun="readings", promise="good by its query", budget="query"
)
#: Pushed KPIs, by name in the label `slice`: counts, or a value whose mean is held against a threshold slice by slice.
KPI_COUNTS = Measure(Reading.MEAN, "kpi_good_total", over="kpi_all_total", noun="events", promise="good", budget="KPI")
KPI_VALUE = Measure(Reading.GAUGE, "kpi_value", noun="readings", budget="KPI")
#: The probe counts its worst ten seconds against these bounds, in seconds.
BURST_FAMILIES = {0.25: "burst_over_250ms_requests", 0.3: "burst_over_300ms_requests"}
QUERY_BAD = Measure(
    Reading.UNBROKEN,
    "query_bad_total",
    over="query_all_total",
    noun="events",
    promise="good by its query",
    budget="query",
)
#: Indicators whose threshold is an upper bound in seconds.
TIMED = frozenset(one for one, measure in MEASURES.items() if measure.reading is Reading.WITHIN)
#: Judged slice by slice by a value, not by a share.
BY_VALUE = frozenset({Indicator.QUALITY, Indicator.COST})
#: The first question of the decision tree is about these (R20); quality and safety answer the second.
SERVING = TIMED | {Indicator.AVAILABILITY, Indicator.BURST}


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
    terms: Terms = PLAIN

    @property
    def budget(self) -> Decimal:
        """The share that may be bad: exactly 0.001 for a target of 0.999."""
        return 1 - self.target

    @property
    def key(self) -> str:
        return f"{self.service}/{self.slug}"

    def period(self, at: datetime) -> Period:
        """Whose budget it is at an instant: the window up to it, or the calendar's period that holds it, whole."""
        calendar = self.terms.calendar
        return Period(at - self.window, at) if calendar is None else period_at(calendar=calendar, at=at)

    @property
    def by_value(self) -> bool:
        """Whether slices are judged by a mean against the threshold, and not by a share of good ones."""
        return self.indicator in BY_VALUE or bool(self.terms.kpi and self.threshold is not None)

    @property
    def is_composite(self) -> bool:
        return self.indicator is Indicator.COMPOSITE

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is counted, in order of preference: the first that its service has readings of."""
        queries = self.terms.queries
        if self.indicator is Indicator.BURST:
            return (replace(MEASURES[Indicator.BURST], family=BURST_FAMILIES[self.threshold or 0.3]),)
        if self.terms.kpi:
            return (KPI_COUNTS if self.threshold is None else KPI_VALUE,)
        if queries.present:
            if not (queries.counter and queries.total):
                return (QUERY_GAUGES,)
            return (QUERY_BAD if queries.bad else MEASURES[self.indicator],)
        if self.terms.via:
            return tuple(
                MEASURES[self.indicator] if via is Via.TRAFFIC else ELSEWHERE[self.indicator, via]
                for via in self.terms.via
            )
        return (self._carrying(),)

    def _carrying(self) -> Measure:
        """Of those who measure it, the first whose series carry every label it is narrowed by: a tag is known to clients only."""
        found = [MEASURES[self.indicator], *([BY_TENANT] if self.indicator is Indicator.AVAILABILITY else [])]
        found += [measure for (indicator, _), measure in ELSEWHERE.items() if indicator is self.indicator]
        wanted = {label for label, _ in self.where}
        return next(
            (one for one in found if one.family in SIGNALS and wanted <= {*SIGNALS[one.family].labels}), found[0]
        )

    @property
    def narrowed(self) -> tuple[tuple[str, str], ...]:
        """The labels of its series: `where`; of a query or a KPI the slot that bears its name; of bursts the worst."""
        if self.terms.kpi:
            return (("slice", self.terms.kpi),)
        if self.indicator is Indicator.BURST:
            return (("state", "worst"),)
        return (("slice", self.slug),) if self.terms.queries.present else self.where


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


def cost_floor(usd_per_1k_tokens: float, usd_per_gpu_hour: float, tick_seconds: int) -> float:
    """The tokens that one reading of one GPU must have made for 1,000 tokens to cost no more than that.

    At 2.40 USD an hour a GPU costs 0.02 USD in 30 s; at 0.10 USD per 1k tokens that is 200 tokens.
    """
    if usd_per_1k_tokens <= 0:
        return 0.0
    return usd_per_gpu_hour * tick_seconds / 3600 / usd_per_1k_tokens * 1000


def goal_sentence(objective: Objective) -> str:
    """The promise in words: "95 % of requests get their first token within 250 ms in 99.5 % of minutes, over 30 days"."""
    calendar = objective.terms.calendar
    span = calendar.words if calendar is not None else f"over {_span(objective.window)}"
    target = f"{_percent(objective.target)} %"
    measure = objective.measures[0]
    if objective.is_composite:
        parts = "the worst of" if objective.terms.combine is Combine.WORST else "the weighted mean of"
        return f"{target} in {parts} {', '.join(member.key for member in objective.terms.members)}, {span}"
    if objective.method is Method.OCCURRENCES:
        return f"{target} of {measure.noun} {_quality_of_one(objective)}, {span}"
    slices = slices_noun(objective.slice_seconds)
    if objective.method is Method.RATIO_TIMESLICES:
        return f"{target} of {measure.noun} {_quality_of_one(objective)} in the mean of {slices}, {span}"
    share = objective.slice_target or 0.0
    if objective.indicator is Indicator.COST:
        return f"1,000 tokens cost at most {objective.threshold:g} USD in {target} of {slices}, {span}"
    if objective.by_value and objective.terms.kpi:
        return f"mean {objective.terms.kpi} at least {objective.threshold:g} in {target} of {slices}, {span}"
    if objective.indicator is Indicator.QUALITY:
        return f"mean answer similarity at least {share:g} in {target} of {slices}, {span}"
    return f"{_percent(Decimal(str(share)))} % of {measure.noun} {_quality_of_one(objective)} in {target} of {slices}, {span}"


def slices_noun(seconds: int) -> str:
    """60 is "minutes", 300 is "5-minute slices"."""
    return "minutes" if seconds == 60 else f"{seconds // 60}-minute slices"


def budget_name(indicator: str) -> str:
    """The budget in words: "ttft" is "first-token"; of an indicator that nobody knows its own name."""
    known = {str(one): measure.budget for one, measure in MEASURES.items()}
    return known.get(indicator, indicator.replace("_", "-"))


def _quality_of_one(objective: Objective) -> str:
    promise = objective.measures[0].promise
    timed = objective.indicator in SERVING and objective.threshold is not None
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
