"""Set up the status page: its address, who may read it, which services it names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from incidents.statuspages.models import StatusComponent, StatusPage
from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service


class StatusPageRefused(Refused):
    """The page cannot be so; the message says why."""


def save(
    *,
    organisation: Organisation,
    slug: str,
    title: str,
    about: str,
    public: bool,
    components: Sequence[tuple[Service, str]],
    actor: Actor,
    now: datetime,
) -> StatusPage:
    """Replace the organisation's page. `components`: services with the name that readers know, in their order on the page."""
    permissions.require(actor, Verb.MANAGE_STATUS_PAGE, organisation)
    if any(service.organisation_id != organisation.pk for service, _ in components):
        raise StatusPageRefused("A status page names services of its own organisation.")
    if len({service.pk for service, _ in components}) != len(components):
        raise StatusPageRefused("Each service stands on the page once.")
    with transaction.atomic():
        if StatusPage.objects.filter(slug=slug).exclude(organisation=organisation).exists():
            raise StatusPageRefused(f"The address /status/{slug}/ is taken; choose another.")
        given = {"slug": slug, "title": title, "about": about, "public": public, "changed_at": now}
        page, _ = StatusPage.objects.update_or_create(organisation=organisation, defaults=given)
        page.components.all().delete()
        StatusComponent.objects.bulk_create(
            StatusComponent(page=page, service=service, name=(name.strip() or service.name)[:100], position=place)
            for place, (service, name) in enumerate(components, start=1)
        )
        payload = {
            "slug": slug, "title": title, "public": public, "components": [service.slug for service, _ in components],
        }  # fmt: skip
        audit.record(actor=actor, verb="save_status_page", obj=page, now=now, payload=payload)
    return page
