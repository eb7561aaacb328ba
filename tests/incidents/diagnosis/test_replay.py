from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from incidents.diagnosis import replay
from incidents.diagnosis.replay import (
    Against,
    Pair,
    Question,
    Replayed,
    ReplayPrompt,
    Reply,
    Verdict,
    judge_slice,
    run,
    similarity,
)

REFERENCE = "The capital of France is Paris, on the river Seine."
WORSE = "France has a capital city which might be Lyon or Paris."


@dataclass
class FakeReplayer:
    """Answers by version; None where the version cannot be asked."""

    answers: dict[str | None, str | None]
    prompts: int = 20
    stored: str | None = None
    instant: bool = True
    asked: list[str | None] = field(default_factory=list)

    def suite(self, service: str) -> Sequence[ReplayPrompt]:
        return [
            ReplayPrompt("facts", f"Question {number}", (REFERENCE,), self.stored) for number in range(self.prompts)
        ]

    def ask(self, service: str, questions: Sequence[Question]) -> Sequence[Reply]:
        self.asked += [asked.version for asked in questions]
        return [Reply(self.answers.get(asked.version), "not offered") for asked in questions]


def test_a_worse_version_is_found_in_pairs() -> None:
    found = run(replayer=FakeReplayer({"v2": WORSE, "v1": REFERENCE}), service="chat", version="v2", previous="v1")
    [facts] = found.slices
    assert facts.verdict is Verdict.WORSE
    assert facts.mean_before == pytest.approx(1.0)
    assert facts.sentence.endswith("over 20 prompts")
    assert found.note == "v2 against v1, both asked"


def test_two_versions_that_answer_alike_are_the_same() -> None:
    found = run(replayer=FakeReplayer({"v2": REFERENCE, "v1": REFERENCE}), service="chat", version="v2", previous="v1")
    assert (len(found.judged), found.worse) == (1, ())


def test_under_twenty_prompts_the_verdict_is_insufficient_data() -> None:
    found = run(
        replayer=FakeReplayer({"v2": WORSE, "v1": REFERENCE}, prompts=19), service="chat", version="v2", previous="v1"
    )
    assert found.judged == ()
    assert found.sentence == "facts: insufficient data, 19 of 20 prompts; v2 against v1, both asked"


def test_without_the_previous_endpoint_the_stored_answers_stand_in() -> None:
    found = run(replayer=FakeReplayer({"v2": WORSE}, stored=REFERENCE), service="chat", version="v2", previous="v1")
    assert found.worse
    assert found.note == "v2 against the stored answers: not offered"


def test_without_stored_answers_the_references_stand_in_with_a_wider_line() -> None:
    found = run(replayer=FakeReplayer({"v2": WORSE}), service="chat", version="v2", previous=None)
    assert found.worse
    assert found.note == "v2 against the stored references: no earlier version is known"
    pairs = [Pair("facts", 0.93 + 0.001 * (number % 3), 1.0) for number in range(20)]
    assert judge_slice(slice_="facts", pairs=pairs, against=Against.REFERENCE).verdict is Verdict.SAME
    assert judge_slice(slice_="facts", pairs=pairs).verdict is Verdict.WORSE


def test_a_serving_version_that_answers_nothing_is_a_reason_and_no_verdict() -> None:
    found = run(replayer=FakeReplayer({"v1": REFERENCE}), service="chat", version="v2", previous="v1")
    assert found.slices == ()
    assert found.sentence == "replay cannot tell, the serving version answers nothing: not offered"


def test_assertions_that_newly_fail_are_worse_though_the_text_is_near() -> None:
    pairs = [
        Pair("sums", 0.99, 0.99, frozenset({"assertions"}) if number <= 1 else frozenset()) for number in range(20)
    ]
    found = judge_slice(slice_="sums", pairs=pairs)
    assert found.verdict is Verdict.WORSE
    assert "assertions newly fail on 10%" in found.sentence


def test_noise_is_no_regression() -> None:
    pairs = [Pair("facts", 0.97 + (0.02 if number % 2 else -0.02), 0.97) for number in range(20)]
    assert judge_slice(slice_="facts", pairs=pairs).verdict is Verdict.SAME


def test_slices_too_small_to_judge_alone_speak_together() -> None:
    class TwoSlices(FakeReplayer):
        def suite(self, service: str) -> Sequence[ReplayPrompt]:
            return [
                ReplayPrompt(("code", "facts")[number % 2], f"Question {number}", (REFERENCE,)) for number in range(20)
            ]

    found = run(replayer=TwoSlices({"v2": WORSE, "v1": REFERENCE}), service="chat", version="v2", previous="v1")
    assert [(one.slice, one.verdict) for one in found.slices] == [
        ("code", Verdict.INSUFFICIENT),
        ("facts", Verdict.INSUFFICIENT),
        ("all slices together", Verdict.WORSE),
    ]


def test_it_is_stored_and_read_back() -> None:
    found = run(replayer=FakeReplayer({"v2": WORSE, "v1": REFERENCE}), service="chat", version="v2", previous="v1")
    assert replay.from_json(replay.to_json(found)) == Replayed(found.slices, note=found.note, worst=found.worst)
    assert replay.from_json({}).reason == "replay not configured"


@pytest.mark.parametrize(
    ("one", "other", "expected"), [("a b c", "a  B c", 1.0), ("abcdef", "uvwxyz", 0.0), ("", "x", 0.0)]
)
def test_similarity(one: str, other: str, expected: float) -> None:
    assert similarity(one, other) == pytest.approx(expected, abs=1e-9)


def test_a_service_of_its_own_replayer_comes_before_the_one_for_all() -> None:
    everyone, own = FakeReplayer({}), FakeReplayer({})
    replay.register(everyone)
    replay.register(own, service="chat")
    try:
        assert replay.replayer_of("chat") is own
        assert replay.replayer_of("code") is everyone
    finally:
        replay.unregister()
        replay.unregister(service="chat")
    assert replay.replayer_of("chat") is None
