"""The replay suite's port over a simulated fleet in this process: its stored prompts, its current and earlier releases."""

from __future__ import annotations

from collections.abc import Sequence

from incidents.diagnosis.replay import ReplayPrompt
from probes.simfleet import answers
from probes.simfleet.fleet import Fleet, UnknownName

LONGEST_ANSWER_TOKENS = 64


class FleetReplayer:
    """Answers at once, for virtual time passes only when the fleet is advanced."""

    instant = True

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def suite(self, service: str) -> Sequence[ReplayPrompt]:
        return [ReplayPrompt(one.slice, one.prompt, (one.answer,)) for one in answers.references(service).values()]

    def complete(self, service: str, prompt: str, version: str | None) -> str | None:
        try:
            answer = self._fleet.complete(service, prompt, LONGEST_ANSWER_TOKENS, version)
        except UnknownName:
            return None
        return answer.text if answer.outcome == "ok" else None
