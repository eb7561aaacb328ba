"""The replay suite over the network: a probe's own canaries, asked again over the OpenAI API for the diagnosis.

`configure` registers it at start from the file that TAILWATCH_REPLAY_SUITE names; nothing is connected before a question.
An earlier version is asked as model `name@version` where GET /v1/models lists that; the serving one so, too, else under its
plain name, which is what traffic gets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from incidents.diagnosis import replay
from incidents.diagnosis.replay import Question, ReplayPrompt, Reply
from observability.env import SettingError
from probes import assertions
from probes.agent import ScrapeFailed
from probes.assertions import Assertion
from probes.config import Canary, ProbeConfig, load
from probes.prompts import Prompt
from probes.shape import ShapeError

if TYPE_CHECKING:
    from probes.http import HttpTransport

SETTING = "TAILWATCH_REPLAY_SUITE"
SCHEMA = frozenset({"json", "schema"})
EXPECTED = "a probe configuration whose canaries have prompts with references"
#: With a wait for the beat before (15 s) and a look after it (15 s), a verdict is there in three minutes (REQUIREMENTS R33).
LIMIT_SECONDS = 150.0
AT_ONCE = 8
SHORTEST_SECONDS = 0.05


def configure(path: str) -> None:
    """Register the suite in the file at `path` for all its services; a file that differs stops the start with a sentence."""
    file = Path(path)
    try:
        config = load(
            file.read_text(encoding="utf-8"),
            file=file.name,
            read_file=lambda name: (file.parent / name).read_text(encoding="utf-8"),
        )
    except OSError as problem:
        raise SettingError(SETTING, f"{path!r} ({problem.strerror})", EXPECTED) from None
    except (ShapeError, UnicodeDecodeError) as problem:
        raise SettingError(SETTING, f"{path!r} ({problem})", EXPECTED) from None
    if not any(prompt.references for canary in config.canaries for prompt in canary.prompts):
        raise SettingError(SETTING, f"{path!r} (no prompt with a reference)", EXPECTED)
    replay.register(HttpReplayer(config))


class HttpReplayer:
    """The first canary of each service: its prompts, its endpoint. Asks `at_once` questions side by side, and after
    `limit_seconds` says of the rest that there was no time."""

    instant = False

    def __init__(self, config: ProbeConfig, *, limit_seconds: float = LIMIT_SECONDS, at_once: int = AT_ONCE) -> None:
        self._canaries: dict[str, Canary] = {}
        for canary in config.canaries:
            self._canaries.setdefault(canary.service, canary)
        self._limit = limit_seconds
        self._at_once = at_once

    def suite(self, service: str) -> Sequence[ReplayPrompt]:
        canary = self._canaries.get(service)
        return suite_of(canary) if canary else []

    def ask(self, service: str, questions: Sequence[Question]) -> Sequence[Reply]:
        from probes.http import HttpTransport  # httpx is loaded by the process that replays, at its first replay

        transport = HttpTransport()
        try:
            return self._ask(transport, self._canaries[service], questions)
        finally:
            transport.close()

    def _ask(self, transport: HttpTransport, canary: Canary, questions: Sequence[Question]) -> Sequence[Reply]:
        deadline = time.monotonic() + self._limit
        offered, unlisted = _offered(transport, canary)

        def reply(asked: Question) -> Reply:
            named = f"{canary.model}@{asked.version}"
            if not asked.serves and named not in offered:
                return Reply(None, unlisted or f"the endpoint does not offer {named}")
            left = deadline - time.monotonic()
            if left < SHORTEST_SECONDS:
                return Reply(None, late)
            answer = transport.complete(
                replace(
                    canary,
                    model=named if named in offered else canary.model,
                    timeout_seconds=min(canary.timeout_seconds, left),
                ),
                Prompt(name="replay", text=asked.prompt),
            )
            if answer.outcome != "ok":
                return Reply(None, answer.detail or answer.outcome)
            return Reply(answer.text, seconds=answer.token_seconds[-1] if answer.token_seconds else None)

        late = f"no time left of {self._limit:g} s"
        pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="replay")
        futures = [pool.submit(reply, asked) for asked in questions]
        wait(futures, timeout=max(0.0, deadline - time.monotonic()))
        pool.shutdown(wait=False, cancel_futures=True)
        return [_result(future, late) for future in futures]


def _result(future: Future[Reply], late: str) -> Reply:
    if future.cancelled() or not future.done():
        return Reply(None, late)
    problem = future.exception()
    return future.result() if problem is None else Reply(None, f"{type(problem).__name__}: {problem}")


def _offered(transport: HttpTransport, canary: Canary) -> tuple[frozenset[str], str]:
    """The models that the endpoint lists; else none, and why nothing is known of earlier versions."""
    try:
        return transport.models(canary), ""
    except ScrapeFailed as problem:
        return frozenset(), f"GET /v1/models does not list versions ({problem})"


def suite_of(canary: Canary) -> list[ReplayPrompt]:
    """A canary's prompts as the suite asks them, with what their answers are held against."""
    return [
        ReplayPrompt(prompt.slice, prompt.text, prompt.references, checks=_checks(prompt)) for prompt in canary.prompts
    ]


def _checks(prompt: Prompt) -> Mapping[str, Callable[[str], bool]]:
    """Its assertions by what they are for; code is not run here."""
    found: dict[str, list[Assertion]] = {}
    for one in prompt.assertions:
        name = "safety" if one.safety else "schema" if one.kind in SCHEMA else "assertions"
        found.setdefault(name, []).append(one)
    return {name: partial(_hold, tuple(some)) for name, some in found.items()}


def _hold(some: Sequence[Assertion], answer: str) -> bool:
    return all(assertions.holds(one, answer) is not False for one in some)
