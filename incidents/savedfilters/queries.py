"""Which saved filters a person has."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from incidents.savedfilters.models import SavedFilter
from observability.core.models import Organisation, User


def filters_of(*, organisation: Organisation, user: User) -> QuerySet[SavedFilter]:
    """The person's own and the shared ones."""
    mine = SavedFilter.objects.filter(Q(user=user) | Q(shared=True), organisation=organisation)
    return mine.select_related("user").order_by("name", "pk")
