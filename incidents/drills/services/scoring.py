"""What came of a drill, read from its incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    mine = list(queries.incidents(drill=drill))
    return score(expected=of_drill(drill), seen=seen(started_at=drill.started_at, incidents=mine))


def of_drill(drill: Drill) -> Expected:
    """What the drill's fault should be called."""
    return expected(organisation_id=drill.organisation_id, leaf=drill.expected_leaf)


def expected(*, organisation_id: int, leaf: str) -> Expected:
    """What a fault with this leaf should be called, by the tree and the runbooks of today."""
    tree = trees.running(organisation_id=organisation_id)
    held = tree.leaves.get(leaf)
    book = shelf.for_leaf(organisation_id=organisation_id, leaf=leaf, named=held.runbook if held else "")
    return Expected(leaf=leaf, branches=branches_to(tree, leaf), runbook=book.runbook.slug)


def branches_to(tree: Tree, leaf: str) -> frozenset[str]:
    """The branches whose yes leads to the leaf."""
    return frozenset(
        branch.name
        for branch in tree.branches
        for edge in tree.nodes[branch.node].edges
        if edge.answer == YES and leaf in set(tree.leaves_below(edge.to))
    )


def seen(*, started_at: datetime, incidents: Sequence[Incident]) -> Seen:
    """What came of a fault: the first of its incidents, and how many there are."""
    if not incidents:
        return Seen(started_at=started_at)
    first = incidents[0]
    decided = TimelineEntry.objects.filter(incident=first, kind=TimelineKind.DECIDED).order_by("at", "pk").first()
    return Seen(
        started_at=started_at,
        incidents=sum(one.merged_into_id is None for one in incidents),
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
