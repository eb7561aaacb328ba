"""The shadow log, read: by replays, postmortems, canaries and people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Max

from incidents.replays.models import StoredAnswer
from incidents.replays.shelf import SERVES
from incidents.response.models import Incident
from observability.core import questions
from sloengine.catalog.models import Deployment, Service

SERVES_STILL = timedelta(hours=1)
#: A version that serves now, and has for a while, of which nothing is stored.
NEW_VERSION = questions.Question(f"""
EXISTS (
    SELECT FROM sloengine_deployment AS deployment
    WHERE deployment.seen_until > %(now)s - interval '{SERVES_STILL.total_seconds():.0f} s' AND deployment.version <> ''
      AND deployment.seen_from <= %(now)s - interval '{SERVES.total_seconds():.0f} s'
      AND NOT EXISTS (
        SELECT FROM {StoredAnswer._meta.db_table} AS kept
        WHERE kept.service_id = deployment.service_id AND kept.version = deployment.version
      )
)
""")  # noqa: S608 - our own words


def answers(*, service: Service, version: str) -> dict[str, str]:
    """Prompt to answer; empty where nothing is stored of that version."""
    rows = StoredAnswer.objects.filter(service=service, version=version).order_by("pk")
    return dict(rows.values_list("prompt", "answer"))


def versions(*, service: Service) -> list[str]:
    """The versions with stored answers, newest first."""
    rows = StoredAnswer.objects.filter(service=service).values("version").annotate(newest=Max("at"))
    return [row["version"] for row in rows.order_by("-newest", "-version")]


def unheard(*, now: datetime) -> Sequence[tuple[Service, str]]:
    """Services with the version that serves them, of which nothing is stored; not those with an open incident."""
    rows = (
        Deployment.objects.filter(seen_until__gt=now - SERVES_STILL, seen_from__lte=now - SERVES)
        .exclude(version="")
        .select_related("service")
        .order_by("service_id", "seen_from")
    )
    troubled = set(Incident.objects.unresolved().values_list("service_id", flat=True))
    newest = {row.service: row.version for row in rows if row.service_id not in troubled}
    stored = set(
        StoredAnswer.objects.filter(service__in=newest).order_by().values_list("service_id", "version").distinct()
    )
    return [(service, version) for service, version in newest.items() if (service.pk, version) not in stored]
