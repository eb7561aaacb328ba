"""What one answer is worth: cosines, assertions, retrieved passages. Outside every lock, as an embedder may be a network away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes import assertions, drift
from probes.assertions import Assertion, Runner
from probes.embed import Embedder, EmbedderFailed, HashedNgrams
from probes.prompts import Prompt


@dataclass(frozen=True, slots=True)
class Judgement:
    similarity: float | None = None  # to the nearest reference; None: no references, or no embedder
    retrieval: float | None = None  # of retrieved passages to the expected ones
    held: tuple[tuple[Assertion, bool | None], ...] = ()  # None: cannot tell
    problem: str = ""  # why there is no similarity where there should be one

    @property
    def right(self) -> bool | None:
        """Whether all assertions that could be asked held; None where none could."""
        told = [held for _, held in self.held if held is not None]
        return all(told) if told else None


class Judge:
    def __init__(self, *, embedder: Embedder | None = None, run: Runner | None = None) -> None:
        self.embedder: Embedder = embedder or HashedNgrams()
        self._run = run

    def judge(self, prompt: Prompt, answer: str, *, retrieved: Sequence[str] | None = None) -> Judgement:
        """`retrieved`: the passages that came with the answer; None where the service does not show them."""
        held = tuple((one, assertions.holds(one, answer, run=self._run)) for one in prompt.assertions)
        try:
            return Judgement(
                similarity=drift.similarity(answer, prompt.references, self.embedder),
                retrieval=None if retrieved is None else drift.passages(retrieved, prompt.passages, self.embedder),
                held=held,
            )
        except EmbedderFailed as problem:
            return Judgement(held=held, problem=str(problem))
