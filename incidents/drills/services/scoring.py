"""What came of a drill, read from its incidents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from incidents.diagnosis.tree import YES, Tree
from incidents.drills import queries
from incidents.drills.models import Drill
from incidents.drills.score import Expected, Score, Seen, Step, score
from incidents.response.models import Incident, TimelineEntry
from incidents.response.timeline import TimelineKind
from incidents.runbooks import queries as shelf
from incidents.trees import queries as trees


def scored(drill: Drill) -> Score:
    """How it goes, or went."""
    return score(expected=expected(drill), seen=_seen(drill))


def expected(drill: Drill) -> Expected:
    """What the fault should be called, by the tree and the runbooks of today."""
    tree = trees.running(organisation_id=drill.organisation_id)
    leaf = tree.leaves.get(drill.expected_leaf)
    return Expected(
        leaf=drill.expected_leaf,
        branches=branches_to(tree, drill.expected_leaf),
        runbook=shelf.for_leaf(
            organisation_id=drill.organisation_id, leaf=drill.expected_leaf, named=leaf.runbook if leaf else ""
        ).runbook.slug,
    )


def branches_to(tree: Tree, leaf: str) -> frozenset[str]:
    """The branches whose yes leads to the leaf."""
    return frozenset(
        branch.name
        for branch in tree.branches
        for edge in tree.nodes[branch.node].edges
        if edge.answer == YES and leaf in set(tree.leaves_below(edge.to))
    )


def _seen(drill: Drill) -> Seen:
    mine = list(queries.incidents(drill=drill))
    if not mine:
        return Seen(started_at=drill.started_at)
    first = mine[0]
    decided = TimelineEntry.objects.filter(incident=first, kind=TimelineKind.DECIDED).order_by("at", "pk").first()
    return Seen(
        started_at=drill.started_at,
        incidents=sum(one.merged_into_id is None for one in mine),
        branch=decided.payload.get("branch") if decided is not None else None,
        leaf=first.leaf or None,
        rivals=[str(rival["leaf"]) for rival in first.diagnosis.get("rivals") or ()],
        runbook=first.runbook or None,
        at=_moments(first),
    )


def _moments(incident: Incident) -> Mapping[Step, datetime | None]:
    told = TimelineEntry.objects.filter(incident=incident, kind=TimelineKind.RUNBOOK).exclude(actor_kind="system")
    return {
        Step.DETECTED: incident.detected_at,
        Step.PAGED: incident.first_paged_at,
        Step.ACKNOWLEDGED: incident.acknowledged_at,
        Step.OPENED: told.order_by("at", "pk").values_list("at", flat=True).first(),
        Step.MITIGATED: incident.mitigated_at,
        Step.RESOLVED: incident.resolved_at,
    }
