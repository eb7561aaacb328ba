"""What every page asks first."""

from __future__ import annotations

from dashboards.choice import Choice
from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.catalog.queries import services


def known_choice(*, organisation: Organisation, choice: Choice) -> tuple[Choice, tuple[str, ...]]:
    """The choice with a service that exists, or all of them, and the services there are."""
    slugs = tuple(services(organisation=organisation).values_list("slug", flat=True))
    return (choice if choice.service in slugs else choice.but(service="")), slugs


def chosen_services(*, organisation: Organisation, choice: Choice) -> list[Service]:
    """The rows of the chosen service, or of all."""
    return list(services(organisation=organisation, slug=choice.service))
