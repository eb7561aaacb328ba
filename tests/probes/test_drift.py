"""Drift: calibration, the sequential test and its rate of false alarms, and what follows from it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from probes import calibration, drift, references
from probes.assertions import Assertion
from probes.calibration import Baseline
from probes.canary import CanaryTally
from probes.config import Canary
from probes.drift import Reason, SliceDrift, State
from probes.embed import HashedNgrams
from probes.judging import Judgement
from probes.prompts import Prompt
from probes.references import ReferenceSet, Stamp
from probes.sequential import Detector

NGRAMS = HashedNgrams()
EMBEDDER = NGRAMS.name


def alarms(draw, *, least: float, run_length: float, answers: int, seed: int) -> int:
    rng, test = random.Random(seed), Detector(average_run_length=run_length)
    return sum(test.add(draw(rng), least=least) for _ in range(answers))


@pytest.mark.parametrize(
    ("draw", "least"),
    [
        (lambda rng: min(1.0, rng.gauss(0.97, 0.008)), 0.97),  # exactly at the border, the hardest null
        (lambda rng: float(rng.random() < 0.95), 0.95),
        (lambda rng: rng.betavariate(9.5, 0.5), 0.95),
        (lambda rng: rng.uniform(0.0, 1.0), 0.5),
    ],
    ids=["cosines", "assertions", "skewed", "wide"],
)
def test_false_alarms_are_no_more_than_stated(draw, least):
    """60,000 answers at a run length of 200: at most 300 alarms are promised, in the mean."""
    found = sum(alarms(draw, least=least, run_length=200, answers=2_000, seed=seed) for seed in range(30))
    assert found <= 60_000 / 200


def test_false_alarms_are_no_more_than_stated_where_answers_hang_together():
    """The level wanders up and down for hours, and its mean given the past is never below the border."""

    def wandering(seed: int) -> int:
        rng, test, level, found = random.Random(seed), Detector(average_run_length=200), 0.0, 0
        for _ in range(2_000):
            level = 0.95 * level + rng.gauss(0.0, 0.002)
            found += test.add(min(1.0, 0.95 + abs(level) + rng.uniform(-0.02, 0.02)), least=0.95)
        return found

    assert sum(map(wandering, range(20))) <= 40_000 / 200


@pytest.mark.parametrize(("fallen", "answers"), [(0.80, 8), (0.90, 14), (0.94, 32)])
def test_a_fall_is_found_within_answers(fallen, answers):
    """Healthy at 0.97 with noise 0.008 and so a border of 0.96, at a run length of 10,000: in nine of ten cases."""

    def found(seed: int) -> int:
        rng, test = random.Random(seed), Detector(average_run_length=10_000)
        for _ in range(500):
            assert not test.add(min(1.0, rng.gauss(0.97, 0.008)), least=0.96)
        return next(n for n in range(1, 500) if test.add(rng.gauss(fallen, 0.008), least=0.96))

    assert sorted(found(seed) for seed in range(20))[17] <= answers


@pytest.mark.parametrize(
    ("mean", "noise", "threshold"),
    [
        (0.973, 0.008, 0.92),
        (0.960, 0.0, 0.92),
        (0.97, 0.06, 0.97 - 3 * 0.06 / 10**0.5),  # noisy: 0.92 would be noise
        (1.0, 0.0, 0.95),
        (0.5, 0.0, 0.45),
        (0.5, 0.1, 0.5 - 3 * 0.1 / 10**0.5),
    ],
)
def test_the_threshold_is_092_only_near_097_and_below_the_noise_everywhere(mean, noise, threshold):
    assert Baseline(mean, noise, 30).threshold == pytest.approx(threshold)


def test_a_baseline_is_each_answer_against_the_nearest_other():
    one = calibration.prompt(["It is A.", "It is A.", "It is B."], NGRAMS.similarities, right=[True, True, False])
    assert one is not None
    near = max(NGRAMS.similarities("It is B.", ["It is A."]))
    assert one.mean == pytest.approx((1 + 1 + near) / 3)
    assert one.accuracy == pytest.approx(2 / 3)
    assert calibration.prompt(["alone"], NGRAMS.similarities) is None


def test_a_slice_pools_the_noise_within_its_prompts_not_between_them():
    found = calibration.slice_of([Baseline(0.9, 0.01, 5, 1.0), Baseline(0.5, 0.01, 5)])
    assert (found.mean, found.noise, found.answers, found.accuracy) == pytest.approx((0.7, 0.01, 10, 1.0))


@pytest.mark.parametrize(
    ("cosine", "lexical", "assertions", "decision"),
    [
        (False, True, False, (State.NONE, Reason.STEADY)),
        (True, True, False, (State.SUSPECTED, Reason.WORDING)),
        (True, False, False, (State.FOUND, Reason.MEANING)),
        (False, True, True, (State.FOUND, Reason.ASSERTIONS)),
        (True, True, True, (State.FOUND, Reason.ASSERTIONS)),
    ],
)
def test_wording_alone_is_never_a_finding(cosine, lexical, assertions, decision):
    assert drift.decide(cosine=cosine, lexical=lexical, assertions=assertions) == decision


def test_an_alarm_shows_until_its_slice_is_well_again():
    one, normal = SliceDrift(average_run_length=1_000, lexical=False), Baseline(0.97, 0.008, 50)

    def ask(cosine: float) -> State:
        return one.add(cosine=cosine, right=None, prompt=normal, whole=normal).state

    assert [ask(0.97) for _ in range(50)] == [State.NONE] * 50
    assert State.FOUND in [ask(0.7) for _ in range(8)]
    after = [ask(0.97) for _ in range(40)]
    assert (after[0], after[-1]) == (State.FOUND, State.NONE)


@pytest.mark.parametrize(
    ("retrieved", "expected", "low", "high"),
    [
        (["Tides follow the moon.", "Bread rises."], ["Tides follow the moon."], 1.0, 1.0),
        (["Bread rises."], ["Tides follow the moon.", "Bread rises."], 0.5, 0.7),
        ([], ["Bread rises."], 0.0, 0.0),
    ],
)
def test_retrieval_is_measured_apart_by_its_passages(retrieved, expected, low, high):
    assert low <= drift.passages(retrieved, expected) <= high
    assert drift.passages(retrieved, []) is None


# In the canaries' tally.

PROMPT = Prompt("a", "A?", "short", ("It is A.",))
LABELS = (("model", "m"), ("region", "eu"), ("service", "chat"), ("slice", "short"), ("version", "7"))


def signed(**changes) -> ReferenceSet:
    normal = Baseline(0.97, 0.008, 50, 1.0)
    one = ReferenceSet(
        version=1, service="chat", model_version="7", embedder=EMBEDDER, references={"a": ("It is A.",)},
        baselines={"a": normal}, slices={"short": normal},
    )  # fmt: skip
    return replace(one, signed=Stamp("alice", "now", references.digest(one)), **changes)


def played(
    stored: ReferenceSet, judgement: Judgement, *, times: int = 40, version: str = "7", lexical: bool = True
) -> dict:
    tally = CanaryTally(embedder=EMBEDDER, lexical=lexical, false_alarm_days=30)
    asked = Canary("chat", "http://x", "m", (PROMPT,), reference_set=stored)
    labels = (*LABELS[:-1], ("version", version))
    for at in range(times):
        tally.judged(now=float(at), canary=asked, labels=labels, prompt=PROMPT, judgement=judgement)
    return {
        (one.name.removeprefix("tailwatch_"), one.label("state") or one.label("reason") or ""): value
        for one, value in tally.tally.samples().items()
    }


def test_a_fallen_cosine_is_a_suspicion_by_wording_and_a_finding_by_meaning():
    for lexical, state in ((True, "suspected"), (False, "found")):
        found = played(signed(), Judgement(similarity=0.7), lexical=lexical)
        assert found["answer_drift_state", state] == 1.0
        assert found["answer_drift_alarms_total", "cosine"] >= 1.0
        assert found["answer_similarity_threshold_ratio", ""] == 0.92
    assert played(signed(), Judgement(similarity=0.97))["answer_drift_state", "none"] == 1.0


def test_a_set_nobody_signed_shows_cosines_and_judges_nothing():
    found = played(replace(signed(), signed=None), Judgement(similarity=0.7))
    assert found["reference_state", "unsigned"] == 1.0
    assert found["answer_similarity_ratio", ""] == pytest.approx(0.7)
    assert not [name for name, _ in found if name.startswith("answer_drift")]


def test_a_declared_model_change_stops_judging_wording_and_not_assertions():
    declared = signed(declared=Stamp("bob", "now", "8", "a larger model"))
    broken = Assertion("number", number=391.0)
    found = played(declared, Judgement(similarity=0.5), version="8", lexical=False)
    assert found["reference_state", "rebaselining"] == 1.0
    assert found["answer_drift_state", "none"] == 1.0
    wrong = played(declared, Judgement(similarity=0.5, held=((broken, False),)), version="8", lexical=False)
    assert wrong["answer_drift_state", "found"] == 1.0
    undeclared = played(declared, Judgement(similarity=0.5), version="9", lexical=False)
    assert undeclared["answer_drift_state", "found"] == 1.0


def test_violations_stand_over_their_checks_by_what_they_guard():
    held = (
        (Assertion("schema"), False),
        (Assertion("regex", safety=True, guards="pii"), True),
        (Assertion("code"), None),
    )
    found = played(ReferenceSet(), Judgement(held=held, retrieval=0.5), times=2)
    assert found["schema_checks_total", "schema"] == found["schema_violations_total", "schema"] == 2.0
    assert (found["safety_checks_total", "pii"], found["safety_violations_total", "pii"]) == (2.0, 0.0)
    assert ("schema_checks_total", "code") not in found
    assert found["answer_accuracy_ratio", ""] == 0.0
    assert found["retrieval_similarity_ratio", ""] == 0.5
