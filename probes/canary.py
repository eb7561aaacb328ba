"""A canary's answer, and what it adds to the canonical series. Pure; sending it is the transport's part.

Latencies are the client's, in families of their own: a canary never mixes with traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from probes import assertions, drift
from probes.config import Canary, Prompt, Target
from probes.dialects.translate import UNKNOWN
from probes.exposition import Labels
from probes.signals import OUTCOMES
from probes.tally import Tally


@dataclass(frozen=True, slots=True)
class Completion:
    """Offsets are seconds after the request was sent; `token_seconds` has one per piece received, the first included.

    A piece is a token but for speculative decoding and batched output; `tokens` is the server's own count, where it gives one.
    """

    outcome: str  # ok | error | timeout | rejected | aborted
    text: str = ""
    token_seconds: tuple[float, ...] = ()
    end_seconds: float | None = None  # None: as the last token
    tokens: int | None = None
    finish_reason: str | None = None
    detail: str = ""  # why it is not ok

    @property
    def per_token_seconds(self) -> float | None:
        """(last - first) / (tokens - 1): tokens at 0.1, 0.2 and 0.4 s give 0.15 s."""
        offsets = self.token_seconds
        tokens = len(offsets) if self.tokens is None else self.tokens
        return (offsets[-1] - offsets[0]) / (tokens - 1) if tokens > 1 and len(offsets) > 1 else None


class CanaryTally:
    """What all canaries of one probe have shown so far."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._latest: dict[Labels, tuple[drift.LatestMean, float]] = {}  # and when the last answer was compared
        self._prepared: set[Labels] = set()

    def prepare(self, labels: Labels) -> None:
        """Every outcome begins at 0, so that the first error is an increment and not a birth."""
        if labels in self._prepared:
            return
        self._prepared.add(labels)
        for outcome in OUTCOMES:
            self.tally.add("canary_requests_total", _with(labels, outcome=outcome), 0.0)

    def add(self, *, now: float, labels: Labels, prompt: Prompt, completion: Completion) -> None:
        self.prepare(labels)
        tally = self.tally
        tally.add("canary_requests_total", _with(labels, outcome=completion.outcome))
        if completion.outcome != "ok":
            return
        offsets = completion.token_seconds
        if offsets:
            end = offsets[-1] if completion.end_seconds is None else completion.end_seconds
            tally.observe("canary_ttft_seconds", labels, offsets[:1])
            tally.observe("canary_e2e_seconds", labels, (end,))
            tally.observe(
                "canary_inter_token_seconds", labels, [later - earlier for earlier, later in pairwise(offsets)]
            )
        if completion.per_token_seconds is not None:
            tally.observe("canary_per_token_seconds", labels, (completion.per_token_seconds,))
        self._judge(now, labels, prompt, completion.text)

    def forget(self, *, service: str, before: float) -> None:
        """Takes away the similarity of answers that were last compared before then: an old mean is not today's."""
        for labels, (_, compared_at) in list(self._latest.items()):
            if compared_at < before and ("service", service) in labels:
                self._drop(labels)

    def _drop(self, labels: Labels) -> None:
        del self._latest[labels]
        self.tally.drop("answer_similarity_ratio", labels)

    def _judge(self, now: float, labels: Labels, prompt: Prompt, answer: str) -> None:
        near = drift.similarity(answer, prompt.references)
        if near is not None:
            self.tally.add("answer_similarity_sum_total", labels, max(0.0, near))
            self.tally.add("answer_similarity_samples_total", labels)
            for other in [one for one in self._latest if one != labels and _unversioned(one) == _unversioned(labels)]:
                self._drop(other)  # another version answers now
            mean, _ = self._latest.get(labels, (drift.LatestMean(), now))
            self._latest[labels] = mean, now
            self.tally.set("answer_similarity_ratio", labels, mean.add(near))
        for assertion in prompt.assertions:
            family = "safety_violations_total" if assertion.safety else "schema_violations_total"
            broken = 0.0 if assertions.holds(assertion, answer) else 1.0
            self.tally.add(family, _with(labels, reason=assertion.kind), broken)


def labels(canary: Canary, prompt: Prompt, targets: Sequence[Target]) -> Labels:
    """Version and region are those that all engines of the service share; "mixed" while they differ."""
    engines = [target for target in targets if target.service == canary.service and target.kind == "engine"]
    own = {
        "service": canary.service,
        "model": canary.model,
        "version": canary.version or _shared({engine.version for engine in engines}),
        "region": canary.region or _shared({engine.region for engine in engines}),
        "slice": prompt.slice,
    }
    return tuple(sorted(own.items()))


def _shared(values: set[str]) -> str:
    return values.pop() if len(values) == 1 else "mixed" if values else UNKNOWN


def _unversioned(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "version")


def _with(labels: Labels, **more: str) -> Labels:
    return tuple(sorted((*labels, *more.items())))
