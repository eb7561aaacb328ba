"""Who am I: the first thing that a program asks to see whether its token works."""

from __future__ import annotations

from ninja import Router, Schema

from observability.core.access import Request

router = Router(tags=["account"])


class Me(Schema):
    username: str
    organisation: str
    role: str
    known_by: str


@router.get("/me", response=Me, summary="Who the caller is, and with which role")
def me(request: Request) -> Me:
    return Me(
        username=request.actor.name,
        organisation=request.organisation.slug,
        role=request.actor.role,
        known_by=request.actor.kind,
    )
