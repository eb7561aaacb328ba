"""The week in a message over REST: of the token's owner."""

from __future__ import annotations

from datetime import datetime

from ninja import Router, Schema, Status

from incidents.digests import queries, services
from observability.core.access import Request

router = Router(tags=["me"])


class DigestOut(Schema):
    subscribed: bool
    due_at: datetime | None = None


@router.get("/me/digest", response=DigestOut, summary="Whether you get the week in a message, and when next")
def digest(request: Request) -> DigestOut:
    found = queries.digest_of(organisation=request.organisation, user=request.user)
    return DigestOut(subscribed=found is not None, due_at=found.due_at if found is not None else None)


@router.put("/me/digest", response=DigestOut, summary="Get the week in a message from next Monday on")
def subscribe(request: Request) -> DigestOut:
    found = services.subscribe(
        organisation=request.organisation, user=request.user, actor=request.actor, now=request.moment
    )
    return DigestOut(subscribed=True, due_at=found.due_at)


@router.delete("/me/digest", response={204: None}, summary="Get it no more")
def unsubscribe(request: Request) -> Status[None]:
    services.unsubscribe(organisation=request.organisation, user=request.user, actor=request.actor, now=request.moment)
    return Status(204, None)
