"""A canary's answer, and what it adds to the canonical series. Pure; sending it is the transport's part.

Latencies are the client's, in families of their own: a canary never mixes with traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from probes import drift, references
from probes.assertions import Assertion
from probes.config import Canary, Target
from probes.dialects.translate import UNKNOWN
from probes.drift import LatestMean, SliceDrift
from probes.exposition import Labels
from probes.judging import Judgement
from probes.prompts import Prompt
from probes.signals import OUTCOMES
from probes.tally import Tally

DAY_SECONDS = 86_400.0
#: Why a canary failed. `stream_ended`: the connection closed or broke after the answer began, as when an engine restarts.
FAILURES = (
    "dns", "connect", "tls", "redirect", "status", "timeout_connect", "timeout_first_byte", "timeout_stream",
    "broken_frame", "stream_ended", "stream_error", "aborted", "key_file", "internal",
)  # fmt: skip
#: Parts of the way to the first token: looking up the name (a numeric address has none), connecting, TLS, and from the request's first
#: byte to the answer's. Each canary opens a connection of its own.
PHASES = ("dns", "connect", "tls", "first_byte")


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
    reason: str = ""  # one of FAILURES where it is not ok
    detail: str = ""  # the same in words
    prompt_tokens: int | None = None
    phases: tuple[tuple[str, float], ...] = ()  # seconds by phase, those of PHASES that could be told
    retrieved: tuple[str, ...] | None = None  # passages that came with the answer; None where the service shows none

    @property
    def counted(self) -> int:
        """Tokens by the server's count, else the pieces that came."""
        return len(self.token_seconds) if self.tokens is None else self.tokens

    @property
    def per_token_seconds(self) -> float | None:
        """(last - first) / (tokens - 1): tokens at 0.1, 0.2 and 0.4 s give 0.15 s."""
        offsets, tokens = self.token_seconds, self.counted
        return (offsets[-1] - offsets[0]) / (tokens - 1) if tokens > 1 and len(offsets) > 1 else None


#: A replica that nobody has asked for so long is gone.
FORGOTTEN_AFTER_SECONDS = DAY_SECONDS


class CanaryTally:
    """What all canaries of one probe have shown so far."""

    def __init__(self, *, embedder: str = "", lexical: bool = True, false_alarm_days: float = 30.0) -> None:
        self.tally = Tally()
        self._embedder, self._lexical, self._days = embedder, lexical, false_alarm_days
        self._latest: dict[tuple[str, Labels], tuple[LatestMean, float]] = {}  # by gauge; and when it was last renewed
        self._prepared: set[Labels] = set()
        self._drift: dict[Labels, SliceDrift] = {}
        self._stated: dict[tuple[str, Labels], str] = {}
        self._asked: dict[Labels, float] = {}  # of single replicas: when each was last asked

    def prepare(self, labels: Labels) -> None:
        """Every outcome begins at 0, so that the first error is an increment and not a birth."""
        if labels in self._prepared:
            return
        self._prepared.add(labels)
        for outcome in OUTCOMES:
            self.tally.add("canary_requests_total", _with(labels, outcome=outcome), 0.0)

    def add(self, *, labels: Labels, completion: Completion, stall_seconds: float = 1.0) -> None:
        self.prepare(labels)
        tally = self.tally
        tally.add("canary_requests_total", _with(labels, outcome=completion.outcome))
        tally.add("canary_prompt_tokens_total", labels, float(completion.prompt_tokens or 0))
        tally.add("canary_tokens_total", labels, float(completion.counted))
        for phase, seconds in completion.phases:
            tally.observe("canary_phase_seconds", _with(labels, reason=phase), (seconds,))
        if completion.reason:
            tally.add("canary_failures_total", _with(labels, reason=completion.reason))
        gaps = [later - earlier for earlier, later in pairwise(completion.token_seconds)]
        tally.add("canary_stalls_total", labels, float(sum(gap >= stall_seconds for gap in gaps)))
        if completion.outcome != "ok":
            return
        tally.add("canary_finished_total", _with(labels, reason=completion.finish_reason or "unknown"))
        offsets = completion.token_seconds
        if offsets:
            end = offsets[-1] if completion.end_seconds is None else completion.end_seconds
            tally.observe("canary_ttft_seconds", labels, offsets[:1])
            tally.observe("canary_e2e_seconds", labels, (end,))
            tally.observe("canary_inter_token_seconds", labels, gaps)
        if completion.per_token_seconds is not None:
            tally.observe("canary_per_token_seconds", labels, (completion.per_token_seconds,))

    def judged(self, *, now: float, canary: Canary, labels: Labels, prompt: Prompt, judgement: Judgement) -> None:
        """What an answer that came whole was worth."""
        tally = self.tally
        if judgement.problem:
            tally.add("answer_embedding_failures_total", labels)
        if judgement.similarity is not None:
            tally.add("answer_similarity_sum_total", labels, max(0.0, judgement.similarity))
            tally.add("answer_similarity_samples_total", labels)
            self._renew("answer_similarity_ratio", labels, judgement.similarity, now)
        if judgement.retrieval is not None:
            tally.add("retrieval_similarity_sum_total", labels, max(0.0, judgement.retrieval))
            tally.add("retrieval_similarity_samples_total", labels)
            self._renew("retrieval_similarity_ratio", labels, judgement.retrieval, now)
        if judgement.right is not None:
            tally.add("answer_asserted_total", labels)
            tally.add("answer_right_total", labels, float(judgement.right))
            self._renew("answer_accuracy_ratio", labels, float(judgement.right), now)
        for assertion, held in judgement.held:
            self._count(labels, assertion, held)
        self._drifted(canary, labels, prompt, judgement)

    def forget(self, *, service: str, before: float) -> None:
        """Takes away what was last renewed before then: an old mean is not today's."""
        for (name, labels), (_, renewed_at) in list(self._latest.items()):
            if renewed_at < before and ("service", service) in labels:
                self._drop(name, labels)

    def asked(self, *, labels: Labels, now: float) -> None:
        """Replicas have new names with each release: one that was asked for the last time a day ago is gone, and all it showed."""
        if not dict(labels).get("replica"):
            return
        self._asked[labels] = now
        for gone in [one for one, at in self._asked.items() if at < now - FORGOTTEN_AFTER_SECONDS]:
            del self._asked[gone]
            self.tally.forget(gone)
            self._prepared.discard(gone)
            own = set(_unversioned(gone))
            self._drift = {key: kept for key, kept in self._drift.items() if not own <= set(key)}
            self._latest = {key: kept for key, kept in self._latest.items() if not own <= set(key[1])}
            self._stated = {key: kept for key, kept in self._stated.items() if not own <= set(key[1])}

    def _renew(self, name: str, labels: Labels, value: float, now: float) -> None:
        for gauge, other in [one for one in self._latest if one[0] == name and one[1] != labels]:
            if _unversioned(other) == _unversioned(labels):
                self._drop(gauge, other)  # another version answers now
        mean, _ = self._latest.get((name, labels), (LatestMean(), now))
        self._latest[name, labels] = mean, now
        self.tally.set(name, labels, mean.add(value))

    def _drop(self, name: str, labels: Labels) -> None:
        del self._latest[name, labels]
        self.tally.drop(name, labels)

    def _count(self, labels: Labels, assertion: Assertion, held: bool | None) -> None:
        if held is None:
            return
        family = "safety" if assertion.safety else "schema"
        self.tally.add(f"{family}_checks_total", _with(labels, reason=assertion.reason))
        self.tally.add(f"{family}_violations_total", _with(labels, reason=assertion.reason), 0.0 if held else 1.0)

    def _drifted(self, canary: Canary, labels: Labels, prompt: Prompt, judgement: Judgement) -> None:
        """The sequential tests of this slice, where a signed reference set says what is normal."""
        own = _unversioned(labels)
        found = canary.reference_set
        state = found.state(embedder=self._embedder, serving=dict(labels)["version"])
        self._state("reference_state", tuple(pair for pair in own if pair[0] in ("service", "model", "region")), state)
        whole = found.slices.get(prompt.slice)
        if whole is None or state is references.State.UNSIGNED:
            return
        wording = state is references.State.OK
        if wording:
            self.tally.set("answer_similarity_baseline_ratio", own, whole.mean)
            self.tally.set("answer_similarity_threshold_ratio", own, whole.threshold)
        if own not in self._drift:
            self._drift[own] = SliceDrift(average_run_length=self._answers(canary, prompt), lexical=self._lexical)
            for test in drift.TESTS:
                self.tally.add("answer_drift_alarms_total", _with(own, reason=test), 0.0)
        verdict = self._drift[own].add(
            cosine=judgement.similarity,
            right=judgement.right,
            prompt=found.baselines.get(prompt.name) if wording else None,
            whole=whole,
        )
        for test, evidence in verdict.evidence.items():
            self.tally.set("answer_drift_evidence_ratio", _with(own, reason=test), evidence)
        for test in verdict.alarms:
            self.tally.add("answer_drift_alarms_total", _with(own, reason=test))
        self._state("answer_drift_state", own, verdict.state)

    def _answers(self, canary: Canary, prompt: Prompt) -> float:
        """Answers of the prompt's slice within the days of one false alarm: 30 days at 30 s a prompt, one of five slices: 17,280."""
        share = sum(one.slice == prompt.slice for one in canary.prompts) / len(canary.prompts)
        return max(100.0, self._days * DAY_SECONDS / canary.interval_seconds * share)

    def _state(self, name: str, labels: Labels, state: str) -> None:
        """1 for the state of now, and no other."""
        before = self._stated.get((name, labels))
        if before is not None and before != state:
            self.tally.drop(name, _with(labels, state=before))
        self._stated[name, labels] = state
        self.tally.set(name, _with(labels, state=state), 1.0)


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
    if canary.replica:
        own |= {"replica": canary.replica}
    return tuple(sorted(own.items()))


def _shared(values: set[str]) -> str:
    return values.pop() if len(values) == 1 else "mixed" if values else UNKNOWN


def _unversioned(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != "version")


def _with(labels: Labels, **more: str) -> Labels:
    return tuple(sorted((*labels, *more.items())))
