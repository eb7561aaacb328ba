"""What the floor does for everyone: first organisation, people, heartbeats."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction

from observability.core import audit, permissions
from observability.core.models import Heartbeat, Membership, Organisation, Role, User

DEFAULT_ORGANISATION = "default"


def default_organisation() -> Organisation:
    """The organisation that a fresh installation has; made on first use."""
    return Organisation.objects.get_or_create(slug=DEFAULT_ORGANISATION, defaults={"name": "Default"})[0]


def create_user(
    *,
    organisation: Organisation,
    username: str,
    role: Role,
    now: datetime,
    password: str | None = None,
    signs_in: bool = True,
    email: str = "",
    display_name: str = "",
) -> tuple[User, str]:
    """A person with a role, and their password: the one given, or a fresh one that is shown once and kept as a hash. One who
    does not sign in (paged only, or by single sign-on) has none: ""."""
    password = (password or secrets.token_urlsafe(12)) if signs_in else ""
    with transaction.atomic():
        user = User.objects.create_user(
            username=username, email=email, password=password or None, display_name=display_name, date_joined=now
        )
        Membership.objects.create(organisation=organisation, user=user, role=role)
        audit.record(
            actor=permissions.system(organisation), verb="create_user", obj=user, now=now, payload={"role": role}
        )
    return user, password


def beat(*, part: str, now: datetime) -> None:
    """Say that `part` is alive."""
    Heartbeat.objects.update_or_create(part=part, defaults={"at": now})


def set_preferences(*, user: User, time_zone: str, display_name: str) -> None:
    """What a person sets for themselves: nobody else's business, so no audit entry."""
    user.time_zone, user.display_name = time_zone, display_name
    user.save(update_fields=["time_zone", "display_name"])
