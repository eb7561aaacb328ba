"""The audit log has one way in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import models

from observability.core.models import AuditEntry
from observability.core.permissions import Actor


def record(
    *, actor: Actor, verb: str, obj: models.Model, now: datetime, payload: Mapping[str, object] | None = None
) -> AuditEntry:
    """Append one entry, in the caller's transaction: the act and its record stand or fall together."""
    return AuditEntry.objects.create(
        organisation_id=actor.organisation_id,
        at=now,
        actor=f"{actor.kind}:{actor.name}",
        verb=str(verb),
        object_kind=obj._meta.label,
        object_id=str(obj.pk),
        payload=dict(payload or {}),
    )
