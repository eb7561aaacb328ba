"""How near an answer is to its stored references, and whether a slice has drifted. Pure but for the embedder it is given.

Drift is judged for each slice of a service by two sequential tests (probes.sequential): of the cosine against each prompt's own
baseline, and of the share of answers that hold all their assertions. What follows from them is one decision with its reason:

    cosine fell   embedder   assertions fell     state       reason
    no            any        no                  none        steady
    yes           lexical    no                  suspected   wording: a right paraphrase looks the same
    yes           meaning    no                  found       meaning
    any           any        yes                 found       assertions

Only `found` may lead to an action. A lexical embedder alone never gives it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from probes.calibration import Baseline
from probes.embed import Embedder, HashedNgrams
from probes.sequential import Detector

LATEST = 10  # answers in the gauge
HELD = 2 * LATEST  # an alarm shows until so many answers of its slice came without another
TESTS = ("cosine", "assertions")


class State(StrEnum):
    NONE = "none"
    SUSPECTED = "suspected"
    FOUND = "found"


class Reason(StrEnum):
    STEADY = "steady"
    WORDING = "wording"
    MEANING = "meaning"
    ASSERTIONS = "assertions"


def decide(*, cosine: bool, lexical: bool, assertions: bool) -> tuple[State, Reason]:
    if assertions:
        return State.FOUND, Reason.ASSERTIONS
    if cosine:
        return (State.SUSPECTED, Reason.WORDING) if lexical else (State.FOUND, Reason.MEANING)
    return State.NONE, Reason.STEADY


def similarity(answer: str, references: Sequence[str], embedder: Embedder | None = None) -> float | None:
    """The cosine to the nearest reference: several right answers may be stored. None where none is stored."""
    if not references:
        return None
    return max((embedder or HashedNgrams()).similarities(answer, references))


def passages(retrieved: Sequence[str], expected: Sequence[str], embedder: Embedder | None = None) -> float | None:
    """How well retrieval found what it should: the mean, over expected passages, of the nearest retrieved one.

    Two expected of which one was found word for word and the other not at all: about 0.5. None where none is expected.
    """
    if not expected:
        return None
    if not retrieved:
        return 0.0
    one = embedder or HashedNgrams()
    return fmean(max(one.similarities(passage, retrieved)) for passage in expected)


class LatestMean:
    """The mean over the latest answers: of 0.96, 0.97 and 0.98 it is 0.97."""

    def __init__(self, size: int = LATEST) -> None:
        self._latest: deque[float] = deque(maxlen=size)

    def add(self, value: float) -> float:
        self._latest.append(value)
        return sum(self._latest) / len(self._latest)


@dataclass(frozen=True, slots=True)
class Verdict:
    state: State
    reason: Reason
    evidence: dict[str, float]  # by test: share of what an alarm needs
    alarms: tuple[str, ...]  # tests that alarm with this very answer


class SliceDrift:
    """The two tests of one slice. `average_run_length`: answers of this slice to a false alarm of one test, at least."""

    def __init__(self, *, average_run_length: float, lexical: bool) -> None:
        self._lexical = lexical
        self._tests = {name: Detector(average_run_length=average_run_length) for name in TESTS}
        self._since = dict.fromkeys(TESTS, HELD)  # answers since its last alarm

    def add(
        self, *, cosine: float | None, right: bool | None, prompt: Baseline | None, whole: Baseline | None
    ) -> Verdict:
        """One answer: its cosine and whether it held its assertions, each None where it has none; the baselines of its prompt
        and of its slice, None where wording is not to be judged (yet)."""
        alarms = []
        for name, value, least in (
            ("cosine", cosine, prompt.mean - whole.margin if prompt is not None and whole is not None else None),
            (
                "assertions",
                None if right is None else float(right),
                whole.least_accuracy if whole is not None else None,
            ),
        ):
            if value is None or least is None:
                continue
            self._since[name] += 1
            if self._tests[name].add(value, least=least):
                self._since[name] = 0
                alarms.append(name)
        held = {name: since < HELD for name, since in self._since.items()}
        state, reason = decide(cosine=held["cosine"], lexical=self._lexical, assertions=held["assertions"])
        return Verdict(state, reason, {name: test.evidence for name, test in self._tests.items()}, tuple(alarms))
