"""What runs, its versions, and the past incidents that a draft is tried on."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import lru_cache

from django.db.models import QuerySet

from incidents.diagnosis import shipped, treefile
from incidents.diagnosis.tree import Tree
from incidents.diagnosis.treefile import TreeInvalidError
from incidents.response.models import Incident
from incidents.trees import overrides
from incidents.trees.models import DecisionTree, ThresholdOverride
from incidents.trees.overrides import Override
from incidents.trees.preview import Past
from observability.core.models import Organisation
from sloengine.catalog.models import Service

log = logging.getLogger(__name__)

FILE = "tree.yaml"
PREVIEWED = 50  # past incidents


def active(*, organisation_id: int) -> DecisionTree | None:
    return DecisionTree.objects.filter(organisation_id=organisation_id, state=DecisionTree.State.ACTIVE).first()


def versions(*, organisation: Organisation) -> QuerySet[DecisionTree]:
    return DecisionTree.objects.filter(organisation=organisation).select_related("by", "activated_by")


@lru_cache(maxsize=64)
def parsed(text: str, version: int) -> Tree:
    """A stored text, parsed once in a process. Raises TreeInvalidError."""
    return treefile.parse(source=text, file=f"tree version {version}")


def running(*, organisation_id: int) -> Tree:
    """The organisation's own tree, else the one that ships; that one too where a release refuses what is stored."""
    row = active(organisation_id=organisation_id)
    if row is None:
        return shipped.tree()
    try:
        return parsed(row.text, row.version)
    except TreeInvalidError as error:
        log.error("%s does not validate with this release; the tree that ships runs: %s", row, error)
        return shipped.tree()


def tree_for(*, service: Service) -> Tree:
    """What runs for this service, with its own thresholds."""
    return trees_for(services=[service])[service.pk]


def trees_for(*, services: Collection[Service]) -> dict[int, Tree]:
    """What runs for each of these services of one organisation: two queries for all."""
    if not services:
        return {}
    tree = running(organisation_id=next(iter(services)).organisation_id)
    own: dict[int, list[Override]] = {}
    rows = ThresholdOverride.objects.filter(service__in=[service.pk for service in services])
    for service_id, *row in rows.values_list("service_id", "place", "was", "becomes"):
        own.setdefault(service_id, []).append(Override(*row))
    return {service.pk: overrides.apply(tree=tree, overrides=own.get(service.pk, ())) for service in services}


def overridden(*, organisation: Organisation) -> QuerySet[ThresholdOverride]:
    return ThresholdOverride.objects.filter(organisation=organisation).select_related("service", "by")


def past(*, organisation: Organisation, limit: int = PREVIEWED) -> list[Past]:
    """The newest incidents with a stored diagnosis, of any service."""
    rows = (
        Incident.objects.filter(organisation=organisation)
        .exclude(leaf="")
        .select_related("service")
        .order_by("-number")[:limit]
    )
    return [
        Past(
            number=row.number,
            service=row.service.slug if row.service else "",
            title=row.title,
            leaf=row.leaf,
            confidence=row.confidence,
            diagnosis=row.diagnosis if isinstance(row.diagnosis, dict) else {},
        )
        for row in rows
    ]
