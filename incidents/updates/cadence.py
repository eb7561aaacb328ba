"""How often stakeholders hear of an incident (REQUIREMENTS R22).

SEV1   inside every 15 min, outside every 30 min
SEV2   inside every 30 min, outside every 60 min
others when there is something to say
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum


class Audience(StrEnum):
    """Who reads an update: colleagues, or everyone who reads the status page."""

    INTERNAL = "internal"
    PUBLIC = "public"


class Phase(StrEnum):
    """Where a published incident stands, in the words of status pages."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Impact(StrEnum):
    """What those outside notice, as published."""

    NONE = "none"
    DEGRADED = "degraded"
    OUTAGE = "outage"


MINUTES: Mapping[tuple[int, Audience], int] = {
    (1, Audience.INTERNAL): 15,
    (1, Audience.PUBLIC): 30,
    (2, Audience.INTERNAL): 30,
    (2, Audience.PUBLIC): 60,
}


def every(*, severity: int, audience: Audience) -> timedelta | None:
    """The longest silence: (SEV1, public) → 30 minutes; (SEV3, public) → None, nothing is asked."""
    minutes = MINUTES.get((severity, audience))
    return None if minutes is None else timedelta(minutes=minutes)


def due_at(*, severity: int, audience: Audience, since: datetime) -> datetime | None:
    """When the next update is due: SEV2, inside, last told 12:10 → 12:40; None where nothing is asked."""
    span = every(severity=severity, audience=audience)
    return None if span is None else since + span
