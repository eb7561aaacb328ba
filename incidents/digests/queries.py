"""Who gets the week in a message, and whether any is due."""

from __future__ import annotations

from incidents.digests.models import WeeklyDigest
from observability.core import questions
from observability.core.models import Organisation, User

ANY_DUE = questions.due(WeeklyDigest)


def digest_of(*, organisation: Organisation, user: User) -> WeeklyDigest | None:
    return WeeklyDigest.objects.filter(organisation=organisation, user=user).first()
