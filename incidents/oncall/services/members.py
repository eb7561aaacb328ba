"""People by username, within one organisation."""

from __future__ import annotations

from collections.abc import Iterable

from observability.core.models import Organisation, User
from observability.core.refusals import Refused


class NotAMember(Refused):
    """Someone named does not belong to the organisation."""


def members(*, organisation: Organisation, usernames: Iterable[str]) -> dict[str, User]:
    """The people of these usernames; who is missing is named, and nobody is returned."""
    asked = sorted(set(usernames))
    rows = User.objects.filter(username__in=asked, memberships__organisation=organisation, is_active=True)
    found = {user.username: user for user in rows}
    strangers = [name for name in asked if name not in found]
    if strangers:
        verb = "does" if len(strangers) == 1 else "do"
        raise NotAMember(f"{', '.join(strangers)} {verb} not belong to {organisation}; add them to it first.")
    return found
