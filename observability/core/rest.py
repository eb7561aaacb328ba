"""What every router of the REST interface shares: who asks, pages of a list, and problems as RFC 9457 says them.

    router = Router(tags=["incidents"])

    @router.get("/incidents/{number}", response=IncidentOut)
    def incident(request: Request, number: int) -> Incident: ...

A request comes with a session (its cookie and, to write, the CSRF header) or with `Authorization: Bearer <token>`; both make it a
`core.access.Request` with its actor, organisation and moment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import HttpBearer, SessionAuth
from pydantic import Field

from observability.core import clock, permissions, services
from observability.core.access import Request, known
from observability.core.permissions import NotAllowed, Verb
from observability.core.refusals import Refused

ItemT = TypeVar("ItemT")
RowT = TypeVar("RowT", bound=Model)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_ROWS = 200


class PageOf(Schema, Generic[ItemT]):
    """One page of a list; `next_offset` is null on the last one."""

    items: list[ItemT]
    next_offset: int | None


class Paging(Schema):
    """How every list is paged: `?limit=50&offset=100`."""

    limit: int = Field(50, ge=1, le=MOST_ROWS)
    offset: int = Field(0, ge=0, le=1_000_000)


def page(rows: QuerySet[RowT] | Sequence[Any], paging: Paging) -> dict[str, Any]:
    """The rows of one page, one more read than shown, so that the last page knows that it is: no count of the whole list."""
    end = paging.offset + paging.limit
    found = list(rows[paging.offset : end + 1])
    return {"items": found[: paging.limit], "next_offset": end if len(found) > paging.limit else None}


class BySession(SessionAuth):
    """The person who is logged in on this browser; writing needs the CSRF header as a form would."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return known(request) if request.user.is_authenticated else None


class ByToken(HttpBearer):
    """The owner of an API token, with the role that they hold now."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        now = clock.now()
        held = services.token_in_use(plain=token, now=now)
        if held is None:
            return None
        caller = cast(Request, request)
        caller.user, caller.organisation, caller.moment = held.user, held.organisation, now
        caller.actor = permissions.bearer(held.user, held.organisation)
        permissions.require(caller.actor, Verb.VIEW, None)
        if held.read_only and request.method not in SAFE:
            raise PermissionDenied(f"The token {held.name} only reads; make one that may write under Preferences.")
        return caller


def add_problems(api: NinjaAPI) -> None:
    """Every refusal as application/problem+json: type, title, status, detail, and for bad input where it was."""

    def answer(status: HTTPStatus, detail: str, **more: Any) -> HttpResponse:
        problem = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail, **more}
        return HttpResponse(json.dumps(problem), status=status, content_type="application/problem+json")

    def invalid(_: HttpRequest, error: ValidationError) -> HttpResponse:
        places = [{"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"]} for one in error.errors]
        sentence = "; ".join(f"{one['where']}: {one['what']}" for one in places)
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, sentence, errors=places)

    def unknown(_: HttpRequest, error: AuthenticationError) -> HttpResponse:
        refused = answer(HTTPStatus.UNAUTHORIZED, "Log in, or send Authorization: Bearer with a token that is valid.")
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused

    handlers: dict[type[Exception], Any] = {
        ValidationError: invalid,
        AuthenticationError: unknown,
        NotAllowed: lambda _, error: answer(HTTPStatus.FORBIDDEN, str(error)),
        PermissionDenied: lambda _, error: answer(HTTPStatus.FORBIDDEN, str(error)),
        Http404: lambda _, error: answer(HTTPStatus.NOT_FOUND, str(error) or "There is no such thing here."),
        Refused: lambda _, error: answer(HTTPStatus.CONFLICT, str(error)),
        HttpError: lambda _, error: answer(HTTPStatus(error.status_code), str(error)),
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
