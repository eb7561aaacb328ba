"""Sources over REST: what each said last, and which cannot be read."""

from __future__ import annotations

from datetime import datetime

from ninja import Router, Schema
from pydantic import Field

from observability.core.access import Request
from sloengine.collect import queries

router = Router(tags=["sources"])


class SourceOut(Schema):
    name: str
    kind: str
    url: str = Field(description="without credentials")
    state: str = Field(description="ok, partial, failing, not read yet, or off")
    last_tick: datetime | None
    failing_since: datetime | None
    error: str
    asked_seconds: float = Field(description="how long it took to answer when it was last asked")
    warnings: list[str] = Field(
        description="of its last tick: queries that failed, and what the server said is missing"
    )


@router.get("/sources", response=list[SourceOut], summary="Sources: read until when, what failed, what was missing")
def sources(request: Request) -> list[queries.Standing]:
    return queries.standings(organisation=request.organisation)
