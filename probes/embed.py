"""The embedder port, and hashed n-grams: a text as a sparse unit vector, with the standard library only. Pure, the same in every process.

Features are words, pairs of neighbouring words and character 4-grams within words, each hashed by crc32 into 2**20 slots and
weighted 1 + log(count). It measures wording, not meaning: a right paraphrase gives 0.4 to 0.6, "$1,200" for "$12,000" 0.9 and
more. So a threshold is calibrated on the references, and assertions stand beside it. About 0.2 ms an answer of 60 words.

    EmbedderFailed      no cosine could be had; the answer stays uncompared, nothing is made up
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol
from zlib import crc32

NAME = "hashed-ngrams-1"  # stored beside a baseline: another embedder, another baseline
SLOTS = 2**20

Vector = dict[int, float]  # slot to weight, of length 1; empty for a text without words

_WORD = re.compile(r"\w+(?:[.,']\w+)*|[^\w\s]")


class EmbedderFailed(RuntimeError):
    pass


class Embedder(Protocol):
    @property
    def name(self) -> str:
        """Stored beside a baseline: another embedder, another baseline."""

    @property
    def lexical(self) -> bool:
        """It compares wording, not meaning: it may raise a suspicion, never a finding (probes.drift)."""

    def similarities(self, answer: str, references: Sequence[str]) -> list[float]:
        """The cosine to each; raises EmbedderFailed."""


class HashedNgrams:
    name, lexical = NAME, True

    def similarities(self, answer: str, references: Sequence[str]) -> list[float]:
        return [similarity(answer, reference) for reference in references]


def embed(text: str) -> Vector:
    counts = Counter(_slots(text))
    weights = {slot: 1.0 + math.log(count) for slot, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {slot: weight / length for slot, weight in weights.items()}


def cosine(one: Vector, other: Vector) -> float:
    """1.0 for equal texts, 0.0 where no n-gram is shared or a text is empty; never below 0, as weights are not."""
    if len(other) < len(one):
        one, other = other, one
    return min(1.0, sum(weight * other[slot] for slot, weight in one.items() if slot in other))


@lru_cache(maxsize=4096)
def remembered(text: str) -> Vector:
    """`embed`, kept: for references, which are compared again and again."""
    return embed(text)


def similarity(one: str, other: str) -> float:
    return 1.0 if one == other and one.strip() else cosine(embed(one), remembered(other))


def _slots(text: str) -> list[int]:
    before = "^"
    slots: list[int] = []
    for word in _WORD.findall(text.lower()):
        slots += _slots_of_word(word)
        slots.append(_slot_of_pair(before, word))
        before = word
    return slots


@lru_cache(maxsize=32_768)
def _slot_of_pair(before: str, word: str) -> int:
    return _slot(f"{before} {word}")


@lru_cache(maxsize=8192)
def _slots_of_word(word: str) -> tuple[int, ...]:
    """The word itself and its 4-grams; answers share most of their words."""
    padded = f"<{word}>"
    return tuple(_slot(feature) for feature in (word, *(padded[at : at + 4] for at in range(len(padded) - 3))))


def _slot(feature: str) -> int:
    return crc32(feature.encode("utf-8", "surrogatepass")) % SLOTS
