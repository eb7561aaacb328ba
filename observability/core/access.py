"""Who looks: every page asks for a login, a membership and the right to view, and hands the view its actor and instant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from observability.core import clock
from observability.core.models import Membership, Organisation, User
from observability.core.permissions import Actor, Verb, allowed

P = ParamSpec("P")


class Request(HttpRequest):
    """A request whose viewer is known: `actor` may view `organisation`; `moment` is the one instant of this request."""

    user: User
    actor: Actor
    organisation: Organisation
    moment: datetime


def viewed(
    view: Callable[Concatenate[Request, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let only members with the right to view through: others log in, or read why not."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(known(request), *args, **kwargs)

    return cast(Callable[Concatenate[HttpRequest, P], HttpResponseBase], guarded)


def known(request: HttpRequest) -> Request:
    """The request of a person who is logged in, with their actor; raises PermissionDenied with the reason."""
    viewer = cast(Any, request)
    membership = Membership.objects.filter(user=viewer.user).select_related("organisation").order_by("pk").first()
    if membership is None:
        raise PermissionDenied("Your account belongs to no organisation yet. An administrator can add you.")
    viewer.organisation = membership.organisation
    viewer.actor = Actor(
        kind="user",
        name=viewer.user.username,
        organisation_id=membership.organisation_id,
        role=membership.role,
        user_id=viewer.user.pk,
    )
    viewer.moment = clock.now()
    if not allowed(viewer.actor, Verb.VIEW, None):
        raise PermissionDenied(f"The role {membership.role} may not look at these pages.")
    return cast(Request, viewer)
