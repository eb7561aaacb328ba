"""Stored answers: close to their references when healthy, measurably off after a bad quantisation."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from statistics import mean, stdev

import pytest

from probes.embed import similarity
from probes.simfleet.answers import answer, pieces, references
from probes.simfleet.prompts import SLICES

SERVICES = ("chat", "code", "batch")


def similarities(service: str, quality: float) -> list[float]:
    return [
        similarity(answer(prompt, quality=quality, rng=random.Random(f"{prompt} {again}")), reference.answer)
        for prompt, reference in references(service).items()
        for again in range(4)
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_twenty_prompts_or_more_in_each_slice(service: str) -> None:
    stored = references(service)
    counts = Counter(one.slice for one in stored.values())
    assert set(counts) == set(SLICES)
    assert min(counts.values()) >= 20
    assert len({one.name for one in stored.values()}) == len(stored) == counts.total()
    assert max(len(pieces(one.answer)) for one in stored.values()) <= 64


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("quality", "expected", "spread"), [(1.0, 0.973, 0.012), (0.5, 0.89, 0.03), (0.0, 0.80, 0.04)])
def test_similarity_follows_quality(service: str, quality: float, expected: float, spread: float) -> None:
    found = similarities(service, quality)
    assert mean(found) == pytest.approx(expected, abs=0.012)
    assert stdev(found) < spread


def test_numbers_and_json_hold_when_healthy_and_often_break_when_degraded() -> None:
    def wrong(quality: float) -> tuple[float, float]:
        numbers, documents = [], []
        for prompt, reference in references("chat").items():
            for again in range(20):
                text = answer(prompt, quality=quality, rng=random.Random(f"{prompt} {again}"))
                if reference.slice == "exact-number":
                    numbers.append(re.findall(r"\d+", text) != re.findall(r"\d+", reference.answer))
                elif reference.answer.startswith("{"):
                    documents.append(not _is_json(text))
        return mean(numbers), mean(documents)

    assert wrong(1.0) == (0.0, 0.0)
    numbers, documents = wrong(0.0)
    assert 0.4 < numbers < 0.8
    assert 0.25 < documents < 0.75


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_the_same_draw_gives_the_same_answer_and_unknown_prompts_get_one_too() -> None:
    prompt = "Tell me something about boats and harbours"
    one, other = (answer(prompt, quality=1.0, rng=random.Random(3)) for _ in range(2))
    assert one == other
    assert "boats" in one
    assert "".join(pieces(one)) == one
