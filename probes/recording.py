"""`references record | compare | sign | declare`: the work behind the commands. Pure but for the transport and embedder it is given."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from probes import calibration, references
from probes.agent import Transport
from probes.canary import Completion
from probes.config import Canary, ProbeConfig
from probes.embed import Embedder
from probes.judging import Judge
from probes.prompts import Prompt
from probes.references import ReferenceSet, Stamp
from probes.report import table

AT_ONCE = 4
LEAST_SIMILAR = 0.9  # answers of one prompt that differ by more among themselves are worth a look before signing


def record(
    config: ProbeConfig, transport: Transport, judge: Judge, *, times: int, at: str, before: dict[str, int]
) -> tuple[list[ReferenceSet], list[str]]:
    """A new set for each service, one version after `before`; and what went wrong. Latency prompts have no references."""
    sets: list[ReferenceSet] = []
    problems: list[str] = []
    for canary in config.canaries:
        if canary.service in [one.service for one in sets]:
            continue
        asked = [prompt for prompt in canary.prompts if not prompt.nonce]
        answers = _ask(canary, asked, transport, times=times, problems=problems)
        baselines = {
            prompt.name: found
            for prompt in asked
            if (found := _baseline(prompt, answers[prompt.name], judge)) is not None
        }
        slices = dict.fromkeys(prompt.slice for prompt in asked if prompt.name in baselines)
        whole = {
            name: calibration.slice_of(
                [baselines[one.name] for one in asked if one.slice == name and one.name in baselines]
            )
            for name in slices
        }
        sets.append(
            ReferenceSet(
                version=before.get(canary.service, 0) + 1,
                service=canary.service,
                model=canary.model,
                model_version=canary.version or "",
                embedder=judge.embedder.name,
                lexical=judge.embedder.lexical,
                recorded_at=at,
                references={name: tuple(dict.fromkeys(found)) for name, found in answers.items() if found},
                baselines=baselines,
                slices=whole,
            )
        )
    return sets, problems


def sign(one: ReferenceSet, *, by: str, at: str) -> ReferenceSet:
    return replace(one, signed=Stamp(by=by, at=at, what=references.digest(one)))


def declare(one: ReferenceSet, *, version: str, because: str, by: str, at: str) -> ReferenceSet:
    """The model changes on purpose: while that version answers, this set judges assertions alone."""
    return replace(one, declared=Stamp(by=by, at=at, what=version, because=because))


def shown(one: ReferenceSet) -> str:
    """A set as a person reads it before signing."""
    rows: list[Sequence[str]] = [("slice", "prompts' answers", "baseline", "noise", "threshold", "right")]
    rows += [
        (
            name,
            str(found.answers),
            f"{found.mean:.4f}",
            f"{found.noise:.4f}",
            f"{found.threshold:.4f}",
            _share(found.accuracy),
        )
        for name, found in one.slices.items()
    ]
    odd = [name for name, found in one.baselines.items() if found.mean < LEAST_SIMILAR or (found.accuracy or 1.0) < 1.0]
    notes = f"look at these before you sign: {', '.join(odd)}\n" if odd else ""
    lexical = ", which compares wording: it raises suspicions, never findings" if one.lexical else ""
    return f"{one.service}, version {one.version}, by {one.embedder}{lexical}\n{table(rows)}{notes}"


def compared(old: ReferenceSet, new: ReferenceSet, embedder: Embedder) -> str:
    """The differences of two versions as a table, the most different prompt first."""
    cosine = {
        name: statistics.fmean(max(embedder.similarities(answer, old.references[name])) for answer in answers)
        for name, answers in new.references.items()
        if name in old.references
    }
    rows: list[Sequence[str]] = [("prompt", "new to old", "baseline", "noise", "right")]
    for one in references.compare(old, new, cosine=cosine):
        near = "only in the old" if one.prompt not in new.references else "only in the new"
        rows.append(
            (
                one.prompt,
                near if one.cosine is None else f"{one.cosine:.4f}",
                *(f"{before} to {after}" for before, after in zip(_cells(one.before), _cells(one.after), strict=True)),
            )
        )
    return f"{old.service}: version {old.version} to {new.version}, by {embedder.name}\n{table(rows)}"


def _ask(
    canary: Canary, asked: Sequence[Prompt], transport: Transport, *, times: int, problems: list[str]
) -> dict[str, list[str]]:
    def answer(prompt: Prompt) -> Completion:
        return transport.complete(canary, prompt)

    found: dict[str, list[str]] = {prompt.name: [] for prompt in asked}
    each = [prompt for prompt in asked for _ in range(times)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for prompt, completion in zip(each, pool.map(answer, each), strict=True):
            if completion.outcome == "ok" and completion.text.strip():
                found[prompt.name].append(completion.text)
            else:
                why = f"{completion.outcome} {completion.detail or 'an empty answer'}"
                problems.append(f"{canary.service}, prompt {prompt.name}: {why}")
    return found


def _baseline(prompt: Prompt, answers: Sequence[str], judge: Judge) -> calibration.Baseline | None:
    bare = replace(prompt, references=(), passages=())
    told = [judge.judge(bare, answer).right for answer in answers]
    right = [one for one in told if one is not None]
    return calibration.prompt(answers, judge.embedder.similarities, right=right)


def _cells(one: calibration.Baseline | None) -> tuple[str, str, str]:
    return ("-", "-", "-") if one is None else (f"{one.mean:.4f}", f"{one.noise:.4f}", _share(one.accuracy))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
