"""What of the due pages leaves now, and which of it as one message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from incidents.paging.models import Page

MINUTE = timedelta(minutes=1)
#: From so many at once on, one message tells them all where the channel bundles.
BUNDLE_FROM = 3


def newest_of_each(pages: list[Page]) -> list[Page]:
    """After an outage several pages of one incident wait for one endpoint: the newest says it all.

    But not that somebody is asked by name to join: nothing that is told to all says that.
    """
    newest = {_of_incident(page): page.pk for page in sorted(pages, key=lambda page: page.pk)}
    older = [page for page in pages if newest[_of_incident(page)] != page.pk]
    if older:
        Page.objects.filter(pk__in=[page.pk for page in older], state=Page.State.PENDING).update(
            state=Page.State.CANCELLED, closed_reason="a newer page of the incident says it", lease_until=None
        )
    return [page for page in pages if newest[_of_incident(page)] == page.pk]


def _of_incident(page: Page) -> tuple[int, int, bool]:
    return page.incident_id, page.endpoint_id, page.kind == Page.Kind.ASKED


def within_limits(pages: list[Page], *, now: datetime) -> list[Page]:
    """What the endpoints still take this minute; the rest waits until the oldest message of theirs is a minute old."""
    taken: list[Page] = []
    for endpoint_id, mine in groupby(sorted(pages, key=_of_endpoint), key=lambda page: page.endpoint_id):
        waiting = list(mine)
        limit = waiting[0].endpoint.channel.per_minute
        sent = list(
            Page.objects.filter(endpoint=endpoint_id, sent_at__gt=now - MINUTE)
            .order_by("-sent_at")
            .values_list("sent_at", flat=True)
            .distinct()[:limit]  # pages that were told together were one message, sent at one instant
        )
        room = limit - len(sent)
        messages = 1 if _bundles(waiting) else len(waiting)
        if messages <= room:
            taken += waiting
            continue
        taken += waiting[:room] if messages > 1 else []
        later = waiting[room:] if messages > 1 else waiting
        free_at = (sent[-1] or now) + MINUTE if sent else now + MINUTE
        Page.objects.filter(pk__in=[page.pk for page in later], state=Page.State.PENDING).update(
            due_at=max(free_at, now + timedelta(seconds=1)), lease_until=None
        )
    return sorted(taken, key=lambda page: (page.due_at, page.pk))


def bundled(pages: list[Page]) -> Iterator[list[Page]]:
    """Pages that become one message, the most urgent first."""
    for _, mine in groupby(sorted(pages, key=_of_endpoint), key=lambda page: page.endpoint_id):
        waiting = list(mine)
        if _bundles(waiting):
            yield waiting
        else:
            yield from ([page] for page in waiting)


def _bundles(waiting: list[Page]) -> bool:
    return waiting[0].endpoint.channel.bundles and len(waiting) >= BUNDLE_FROM


def _of_endpoint(page: Page) -> tuple[int, int, int]:
    return page.endpoint_id, page.incident.severity, page.pk
