"""Does the goal of an SLO fit what it measures? Pure. Paths that begin with "." are below the objective."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sloengine.objectives.documents import Goal
from sloengine.objectives.objective import BURST_FAMILIES, BY_VALUE, TIMED, Indicator, Method
from sloengine.objectives.terms import Terms, Via

Problem = Callable[[str, object, str], None]
MOST_OF_CANARIES = Decimal("0.99")


def check_goal(goal: Goal, *, signal: Indicator, method: Method, terms: Terms, problem: Problem) -> None:
    by_value = signal in BY_VALUE or bool(terms.kpi and goal.value is not None)
    if signal is Indicator.COMPOSITE:
        if method is not Method.OCCURRENCES:
            problem(
                "spec.budgetingMethod",
                method,
                "Occurrences: a composite is made of its parts, which have methods of their own",
            )
    elif signal in TIMED:
        _value(goal, problem, lowest=0.0, expected="seconds above 0", ops=("lte", "lt"))
        _seen_by_canaries(goal, terms, problem)
    elif signal is Indicator.QUALITY:
        _value(goal, problem, lowest=0.0, highest=1.0, expected="a similarity above 0 and at most 1", ops=("gte", "gt"))
    elif signal is Indicator.COST:
        _value(goal, problem, lowest=0.0, expected="USD per 1,000 tokens, above 0", ops=("lte", "lt"))
    elif signal is Indicator.BURST:
        _value(goal, problem, lowest=0.0, expected="0.25 or 0.3 s, which the probe counts", ops=("lte", "lt"))
        if goal.value is not None and float(goal.value) not in BURST_FAMILIES:
            problem(".value", goal.value, "0.25 or 0.3 s, which the probe counts")
    elif terms.kpi:
        if goal.value is not None and goal.op not in ("gte", "gt"):
            problem(".op", goal.op or "nothing", "gte: the mean of a slice is at least value")
    elif terms.queries.threshold:
        if goal.value is None or goal.op is None:
            problem(
                ".value", "nothing" if goal.value is None else f"{goal.value} without op", "op and value of a threshold"
            )
    elif signal not in (Indicator.QUERY, Indicator.KPI) and (goal.value is not None or goal.op is not None):
        problem(".value", goal.op if goal.value is None else goal.value, f"no op and no value for {signal}")
    if (by_value or signal is Indicator.BURST) and method is not Method.TIMESLICES:
        problem("spec.budgetingMethod", method, "Timeslices, since a mean has no single good requests")
    _slices(goal, signal=signal, by_value=by_value, method=method, problem=problem)


def _seen_by_canaries(goal: Goal, terms: Terms, problem: Problem) -> None:
    """Six canaries a minute are 30 in a 5-minute window: the slowest in a thousand is none of them."""
    share = goal.ratio() if goal.timeSliceTarget is None else goal.timeSliceTarget
    if terms.via == (Via.CANARY,) and share > MOST_OF_CANARIES:
        path = ".target" if goal.timeSliceTarget is None else ".timeSliceTarget"
        problem(path, share, f"at most {MOST_OF_CANARIES} where canaries alone measure it: there are too few for more")


def _value(
    goal: Goal, problem: Problem, *, lowest: float, expected: str, ops: tuple[str, str], highest: float | None = None
) -> None:
    if goal.value is None or goal.value <= lowest or (highest is not None and goal.value > highest):
        problem(".value", "nothing" if goal.value is None else goal.value, expected)
    if goal.op not in ops:
        problem(".op", goal.op or "nothing", ops[0])


def _slices(goal: Goal, *, signal: Indicator, by_value: bool, method: Method, problem: Problem) -> None:
    if method is Method.TIMESLICES and by_value and goal.timeSliceTarget is not None:
        problem(
            ".timeSliceTarget", goal.timeSliceTarget, f"none for {signal}: a slice is good when its mean reaches value"
        )
    if method is Method.TIMESLICES and not by_value and goal.timeSliceTarget is None:
        problem(".timeSliceTarget", "nothing", "the share of a good slice, for instance 0.95")
    if method is Method.OCCURRENCES and (goal.timeSliceTarget is not None or goal.timeSliceWindow is not None):
        problem(
            ".timeSliceTarget",
            goal.timeSliceTarget or goal.timeSliceWindow,
            "no slices with budgetingMethod Occurrences",
        )
    if method is Method.RATIO_TIMESLICES and goal.timeSliceTarget is not None:
        problem(
            ".timeSliceTarget", goal.timeSliceTarget, "none: with RatioTimeslices each slice counts by its own ratio"
        )
