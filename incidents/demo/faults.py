"""The faults that the demo draws from: names are the leaves that should be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

TITLES: Mapping[str, str] = {
    "traffic-spike": "a traffic spike",
    "long-prompt-flood": "a flood of long prompts",
    "decode-slowdown": "a slowdown of decoding (GPU power cap)",
    "quality-regression": "a quality regression after quantisation",
    "runaway-tenant": "a runaway tenant",
    "replica-outage": "the outage of a replica",
}
#: A fault runs this long; every one of the six shows within it.
LASTS = timedelta(minutes=20)
#: After this long without an incident the answer is shown all the same.
REVEAL_AFTER = timedelta(minutes=25)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was broken, and what Tailwatch made of it."""

    fault: str
    at: datetime
    by: str
    revealed: bool
    correct: bool | None
    detected_seconds: float | None

    @property
    def title(self) -> str:
        return TITLES.get(self.fault, self.fault)


def outcome(
    *, fault: str, at: datetime, by: str, leaf: str | None, opened_at: datetime | None, over: bool, now: datetime
) -> Outcome:
    """Judge the diagnosis. It is shown when the incident is over, or when none opened in 25 minutes; before, it stays a riddle."""
    return Outcome(
        fault=fault,
        at=at,
        by=by,
        revealed=over or now - at >= REVEAL_AFTER,
        correct=None if leaf is None else leaf == fault,
        detected_seconds=(opened_at - at).total_seconds() if opened_at is not None else None,
    )
