"""Embedding, drift and assertions: what an answer is worth."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import assertions, drift, embed, shape

ANSWER = (
    "The bill is $1,200 for the whole set, delivered to your door within five days of the order, "
    "and it can be paid in three parts without interest by any customer with an account."
)


@given(st.text(max_size=60), st.text(max_size=60))
def test_cosine_is_symmetric_and_within_0_and_1(one, other):
    there, back = embed.cosine(embed.embed(one), embed.embed(other)), embed.cosine(embed.embed(other), embed.embed(one))
    assert 0.0 <= there <= 1.0
    assert there == pytest.approx(back)


@given(st.text(min_size=1, max_size=60))
def test_a_text_is_itself(text):
    vector = embed.embed(text)
    assert embed.cosine(vector, vector) == pytest.approx(1.0 if vector else 0.0)


@pytest.mark.parametrize(
    ("other", "low", "high"),
    [
        (ANSWER, 1.0, 1.0),
        (ANSWER.replace("$1,200", "$12,000"), 0.93, 0.99),
        (ANSWER.replace("can be", "can not be"), 0.93, 0.99),
        ("Customers with an account may pay $1,200 in three instalments; the set arrives in five days.", 0.3, 0.65),
        ("Trains leave every hour from platform nine.", 0.0, 0.1),
        ("", 0.0, 0.0),
    ],
)
def test_it_measures_wording_so_a_wrong_number_is_near_and_a_right_paraphrase_far(other, low, high):
    assert low <= embed.similarity(other, ANSWER) <= high


def test_another_process_embeds_alike():
    code = f"from probes import embed; print(sorted(embed.embed({ANSWER!r}).items()))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert run.stdout.strip() == str(sorted(embed.embed(ANSWER).items()))


def test_the_nearest_reference_counts_and_none_is_no_answer():
    assert drift.similarity(ANSWER, ["Something else.", ANSWER]) == 1.0
    assert drift.similarity(ANSWER, []) is None


def test_the_gauge_is_the_mean_of_the_latest():
    mean = drift.LatestMean(3)
    assert [mean.add(value) for value in (0.96, 0.97, 0.98, 0.10)][2:] == pytest.approx(
        [0.97, (0.97 + 0.98 + 0.10) / 3]
    )


@pytest.mark.parametrize(
    ("assertion", "answer", "holds"),
    [
        ({"number": 1200}, "It costs $1,200.", True),
        ({"number": 1200}, "It costs $12,000.", False),
        ({"number": 391}, "17 * 23 = 391", True),
        ({"number": 391}, "391 is not it; it is 392", False),
        ({"number": -2.5}, "-2.5", True),
        ({"number": 1}, "one", False),
        ({"regex": "^yes"}, "yes, it is", True),
        ({"regex": "^yes"}, "oh yes", False),
        ({"json": "$.city", "equals": "Paris"}, '```json\n{"city": "Paris"}\n```', True),
        ({"json": "$.city", "equals": "Paris"}, '{"city": "Rome"}', False),
        ({"json": "$.items[1].n"}, '{"items": [{"n": 1}, {"n": null}]}', True),
        ({"json": "$.items[2]"}, '{"items": [1, 2]}', False),
        ({"json": "$[0]"}, "[3]", True),
        ({"json": "$.city"}, '{"city": "Par', False),
        ({"json": "$.city"}, "Paris", False),
    ],
)
def test_an_assertion_holds_or_not(assertion, answer, holds):
    assert assertions.holds(assertions.load(shape.Node("f", "a", assertion)), answer) is holds
