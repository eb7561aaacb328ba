"""What was deployed and what changed, when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from observability.core.models import Organisation
from sloengine.catalog.models import Change, Deployment, Service


def services(*, organisation: Organisation, slug: str = "") -> QuerySet[Service]:
    """The services of an organisation by slug, or the one of this slug."""
    rows = Service.objects.filter(organisation=organisation).order_by("slug")
    return rows.filter(slug=slug) if slug else rows


def changes_between(
    *,
    start: datetime,
    end: datetime,
    service: Service | None = None,
    organisation: Organisation | None = None,
    kinds: Collection[str] = (),
) -> list[Change]:
    """Changes with start < at <= end of a service, or of all services of an organisation, oldest first."""
    if service is None and organisation is None:
        raise ValueError("changes are a service's or an organisation's; neither was given")
    rows = Change.objects.filter(at__gt=start, at__lte=end).select_related("service").order_by("at", "pk")
    if service is not None:
        rows = rows.filter(service=service)
    if organisation is not None:
        rows = rows.filter(service__organisation=organisation)
    if kinds:
        rows = rows.filter(kind__in=kinds)
    return list(rows)


def deployments_at(*, service: Service, at: datetime) -> QuerySet[Deployment]:
    """What served at an instant, newest first."""
    return service.deployments.filter(seen_from__lte=at, seen_until__gte=at).order_by("-seen_from", "-pk")


def previous_version(*, service: Service, at: datetime) -> Deployment | None:
    """The deployment before the one that served at `at`, of another version; what a rollback would go back to."""
    serving = (
        deployments_at(service=service, at=at).first() or service.deployments.order_by("-seen_from", "-pk").first()
    )
    if serving is None:
        return None
    older = service.deployments.filter(region=serving.region, seen_from__lte=serving.seen_from)
    return older.exclude(version=serving.version, model=serving.model).order_by("-seen_from", "-pk").first()
