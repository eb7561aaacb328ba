"""The replay suite (REQUIREMENTS R33): stored prompts by slice, answered by the serving version and the previous one,
judged in pairs per slice.

A Replayer is the port to a fleet, registered once at start: the virtual driver registers its own, a real one speaks the
OpenAI API. Previous answers come from the previous version's endpoint; where it answers nothing at all, from the stored
answers of the suite (the shadow log), else from the references; the note of a run says which. Under 20 pairs a slice the
verdict is "insufficient data"; that is a verdict, not a gap. All slices together are judged as well.

A slice is worse when its paired mean cosine to the reference fell by more than 0.05 with t < -3
(mean difference / (standard deviation / sqrt(n))), or when assertions newly fail on more than 5 % of its prompts.
Twenty pairs of 0.97 then 0.80 with a deviation of 0.05: t = -0.17 / (0.05 / sqrt(20)) = -15. A reference is as near to
itself as can be, so against references the fall has to be 0.08: the line is the similarity of 0.92 (REQUIREMENTS R21).
Schema and safety are checks of their own and count like assertions. How much longer the answers took is told beside the verdict
and decides nothing: speed is question one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from statistics import fmean, median, stdev
from typing import Protocol

MIN_PROMPTS = 20
WORSE_BY = 0.05
WORSE_BY_REFERENCE = 0.08
WORSE_T = -3.0
WORSE_ASSERTIONS = 0.05
NOT_CONFIGURED = "replay not configured"
NGRAM = 3
EVERY_SLICE = "all slices together"
#: What an answer is held against beside its references.
CHECKS = ("assertions", "schema", "safety")
_FAIL = {"assertions": "fail", "schema": "fails", "safety": "fails"}
WORST_PAIRS = 6
LONGEST_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class ReplayPrompt:
    """A stored prompt: its references (several, for batch numerics move answers a little), the previous version's
    stored answer where there is one, and checks of the answer by name (CHECKS)."""

    slice: str
    prompt: str
    references: tuple[str, ...]
    stored: str | None = None
    checks: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt for a version; `serves` marks the one in service, which answers under its plain name, too."""

    prompt: str
    version: str | None
    serves: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said; None where nothing was, and then why not: the version is not offered, the call failed, no time."""

    text: str | None
    reason: str = ""
    seconds: float | None = None  # to the last token


class Replayer(Protocol):
    """`ask` gives one reply a question, in their order, and in bounded time. `instant` says that a run takes no time that
    a page would wait for (the virtual fleet); others run beside the looks, in `replay_due`."""

    @property
    def instant(self) -> bool: ...
    def suite(self, service: str) -> Sequence[ReplayPrompt]: ...
    def ask(self, service: str, questions: Sequence[Question]) -> Sequence[Reply]: ...


_replayers: dict[str, Replayer] = {}


def register(replayer: Replayer, *, service: str = "*") -> None:
    """One for all services, or one for a service's slug."""
    _replayers[service] = replayer


def unregister(*, service: str = "*") -> None:
    _replayers.pop(service, None)


def replayer_of(service: str) -> Replayer | None:
    return _replayers.get(service) or _replayers.get("*")


class Against(StrEnum):
    """What stands for "before"."""

    VERSION = "the previous version"
    STORED = "the stored answers"
    REFERENCE = "the stored references"


class Verdict(StrEnum):
    WORSE = "worse"
    SAME = "same"
    INSUFFICIENT = "insufficient data"


@dataclass(frozen=True, slots=True)
class Pair:
    slice: str
    now: float  # cosine to the nearest reference
    before: float
    broken: frozenset[str] = frozenset()  # checks that held before and do not now
    slower: float | None = None  # times as long as before
    prompt: str = ""
    said_now: str = ""
    said_before: str = ""


@dataclass(frozen=True, slots=True)
class SliceVerdict:
    slice: str
    verdict: Verdict
    pairs: int
    mean_now: float | None
    mean_before: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class WorstPair:
    """A prompt whose answer lost most, both answers beside each other; texts cut to LONGEST_SHOWN characters."""

    slice: str
    prompt: str
    before: str
    now: str
    similarity_before: float
    similarity_now: float
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """The verdicts of a run and a note on what was compared; without slices, the reason why there was none."""

    slices: tuple[SliceVerdict, ...] = ()
    reason: str = NOT_CONFIGURED
    note: str = ""
    worst: tuple[WorstPair, ...] = ()
    #: What the serving version said, by prompt: for the shadow log, and never stored with the incident.
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> tuple[SliceVerdict, ...]:
        return tuple(one for one in self.slices if one.verdict is not Verdict.INSUFFICIENT)

    @property
    def worse(self) -> tuple[SliceVerdict, ...]:
        return tuple(one for one in self.slices if one.verdict is Verdict.WORSE)

    @property
    def sentence(self) -> str:
        return "; ".join([one.sentence for one in self.slices] + ([self.note] if self.note else [])) or self.reason


def run(
    *,
    replayer: Replayer,
    service: str,
    version: str | None,
    previous: str | None,
    stored_answers: Mapping[str, str] | None = None,
) -> Replayed:
    """Ask both versions every prompt and judge each slice. `stored_answers`: what the previous one said, from the shadow log."""
    asked_of = [prompt for prompt in replayer.suite(service) if prompt.references]
    prompts = [replace(one, stored=(stored_answers or {}).get(one.prompt, one.stored)) for one in asked_of]
    if not prompts:
        return Replayed(reason="the replay suite has no prompts with references for this service")
    questions = [  # in pairs: where time runs out, whole pairs are there
        Question(prompt.prompt, asked, serves)
        for prompt in prompts
        for asked, serves in ([(version, True), (previous, False)] if previous else [(version, True)])
    ]
    replies = dict(zip(questions, replayer.ask(service, questions), strict=True))
    silent = Counter(reply.reason for asked, reply in replies.items() if asked.serves and reply.text is None)
    if silent.total() == len({prompt.prompt for prompt in prompts}):
        return Replayed(reason=f"replay cannot tell, the serving version answers nothing: {_most(silent)}")
    gone = Counter(reply.reason for asked, reply in replies.items() if not asked.serves and reply.text is None)
    offered = any(reply.text is not None for asked, reply in replies.items() if not asked.serves)
    stored = any(prompt.stored is not None for prompt in prompts)
    against = Against.VERSION if offered else Against.STORED if stored else Against.REFERENCE
    pairs = []
    for prompt in prompts:
        now = replies[Question(prompt.prompt, version, True)]
        if offered:
            before = replies[Question(prompt.prompt, previous, False)]
        else:
            before = Reply(prompt.stored if stored else prompt.references[0])
        pair = _pair(prompt, now, before)
        if pair is not None:
            pairs.append(pair)
    names = list(dict.fromkeys(prompt.slice for prompt in prompts))
    verdicts = [
        judge_slice(slice_=name, pairs=[pair for pair in pairs if pair.slice == name], against=against)
        for name in names
    ]
    if len(names) > 1:  # slices too small to judge alone may still speak together
        verdicts.append(judge_slice(slice_=EVERY_SLICE, pairs=pairs, against=against))
    return Replayed(
        tuple(verdicts),
        note=_note(version, previous, against, silent=silent, gone=gone),
        worst=_worst(pairs),
        said={asked.prompt: reply.text for asked, reply in replies.items() if asked.serves and reply.text is not None},
    )


def _worst(pairs: Sequence[Pair]) -> tuple[WorstPair, ...]:
    """Those that lost most, a broken check before any similarity; none that lost nothing."""
    lost = [pair for pair in pairs if pair.broken or pair.now < pair.before]
    lost.sort(key=lambda pair: (-len(pair.broken), pair.now - pair.before))
    return tuple(
        WorstPair(
            pair.slice,
            pair.prompt[:LONGEST_SHOWN],
            pair.said_before[:LONGEST_SHOWN],
            pair.said_now[:LONGEST_SHOWN],
            pair.before,
            pair.now,
            tuple(sorted(pair.broken)),
        )
        for pair in lost[:WORST_PAIRS]
    )


def _note(
    version: str | None, previous: str | None, against: Against, *, silent: Counter[str], gone: Counter[str]
) -> str:
    """What was compared, and what had no answer: "v2 against v1, both asked; 3 questions without an answer (timeout)"."""
    serving = version or "the serving version"
    if against is Against.VERSION:
        note, unanswered = f"{serving} against {previous}, both asked", silent + gone
    else:
        note, unanswered = f"{serving} against {against}: {_most(gone) or 'no earlier version is known'}", silent
    if unanswered:
        note += f"; {unanswered.total()} questions without an answer ({_most(unanswered)})"
    return note


def _most(reasons: Counter[str]) -> str:
    return reasons.most_common(1)[0][0] if reasons else ""


def _pair(prompt: ReplayPrompt, now: Reply, before: Reply) -> Pair | None:
    if now.text is None or before.text is None:
        return None
    return Pair(
        slice=prompt.slice,
        now=max(similarity(now.text, reference) for reference in prompt.references),
        before=max(similarity(before.text, reference) for reference in prompt.references),
        broken=frozenset(name for name, holds in prompt.checks.items() if holds(before.text) and not holds(now.text)),
        slower=now.seconds / before.seconds if now.seconds and before.seconds else None,
        prompt=prompt.prompt,
        said_now=now.text,
        said_before=before.text,
    )


def judge_slice(*, slice_: str, pairs: Sequence[Pair], against: Against = Against.VERSION) -> SliceVerdict:
    count = len(pairs)
    if count < MIN_PROMPTS:
        said = f"{slice_}: insufficient data, {count} of {MIN_PROMPTS} prompts"
        return SliceVerdict(slice_, Verdict.INSUFFICIENT, count, None, None, said)
    differences = [pair.now - pair.before for pair in pairs]
    change, spread = fmean(differences), stdev(differences)
    t = change / (spread / math.sqrt(count)) if spread > 0 else math.copysign(math.inf, change)
    newly = {name: sum(name in pair.broken for pair in pairs) / count for name in CHECKS}
    now, before = fmean(pair.now for pair in pairs), fmean(pair.before for pair in pairs)
    allowed = WORSE_BY_REFERENCE if against is Against.REFERENCE else WORSE_BY
    worse = (change < -allowed and t < WORSE_T) or max(newly.values()) > WORSE_ASSERTIONS
    said = f"{slice_}: {before:.3f} with {against}, {now:.3f} with the serving one, over {count} prompts"
    said += "".join(f"; {name} newly {_FAIL[name]} on {share:.0%}" for name, share in newly.items() if share)
    took = [pair.slower for pair in pairs if pair.slower is not None]
    if len(took) >= MIN_PROMPTS:
        said += f"; {median(took):.2g} times as long to answer"
    return SliceVerdict(slice_, Verdict.WORSE if worse else Verdict.SAME, count, now, before, said)


def similarity(one: str, other: str) -> float:
    """Cosine of character trigram counts, 0..1: equal texts 1, texts without a common trigram 0."""
    left, right = _grams(one), _grams(other)
    if not left or not right:
        return 1.0 if one == other else 0.0
    dot = sum(count * right[gram] for gram, count in left.items())
    return dot / math.sqrt(_square(left) * _square(right))


def _grams(text: str) -> Counter[str]:
    padded = f" {' '.join(text.lower().split())} "
    return Counter(padded[index : index + NGRAM] for index in range(len(padded) - NGRAM + 1))


def _square(grams: Mapping[str, int]) -> int:
    return sum(count * count for count in grams.values())


def to_json(replayed: Replayed) -> dict[str, object]:
    return {
        "reason": "" if replayed.slices else replayed.reason,
        "note": replayed.note,
        "worst": [asdict(one) for one in replayed.worst],
        "slices": [
            {"slice": one.slice, "verdict": one.verdict.value, "pairs": one.pairs, "mean_now": one.mean_now,
             "mean_before": one.mean_before, "sentence": one.sentence}
            for one in replayed.slices
        ],
    }  # fmt: skip


def from_json(stored: Mapping[str, object]) -> Replayed:
    slices = stored.get("slices")
    if not isinstance(slices, list) or not slices:
        return Replayed(reason=str(stored.get("reason") or NOT_CONFIGURED))
    return Replayed(
        slices=tuple(
            SliceVerdict(
                one["slice"],
                Verdict(one["verdict"]),
                one["pairs"],
                one["mean_now"],
                one["mean_before"],
                one["sentence"],
            )
            for one in slices
        ),
        note=str(stored.get("note") or ""),
        worst=_worst_from(stored.get("worst")),
    )


def _worst_from(stored: object) -> tuple[WorstPair, ...]:
    """Replays stored before pairs were kept have none."""
    found = stored if isinstance(stored, list) else []
    return tuple(WorstPair(**{**one, "broken": tuple(one.get("broken", ()))}) for one in found)
