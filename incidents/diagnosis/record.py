"""A Diagnosis as the JSON that an incident stores and its page draws: every node and leaf of the tree, those not asked
too, so that the branches not taken stay legible. Stored whole, with the tree's version: an old incident is drawn as it
was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incidents.diagnosis.evidence import Evidence
from incidents.diagnosis.tree import CANNOT_TELL, Asked, Diagnosis, Node, Tree

Record = dict[str, Any]


def to_json(*, diagnosis: Diagnosis, decided_at: datetime) -> Record:
    tree, leaf = diagnosis.tree, diagnosis.leaf
    return {
        "tree": tree.name,
        "version": tree.version,
        "decided_at": decided_at.isoformat(),
        "leaf": leaf.id,
        "title": leaf.title,
        "cause": leaf.cause,
        "headline": diagnosis.headline,
        "confidence": round(diagnosis.confidence, 4),
        "lowered": list(diagnosis.lowered),
        "runbook": leaf.runbook,
        "page": leaf.page,
        "severity": leaf.severity,
        "branch": diagnosis.branch.name if diagnosis.branch else None,
        "first_response": diagnosis.first_response,
        "first_action": {"action": leaf.first_action.action, "text": leaf.first_action.text},
        "path": list(diagnosis.path),
        "nodes": _nodes(diagnosis),
        "leaves": _leaves(diagnosis),
        "expectations": [_evidence(item) for item in diagnosis.expectations],
        "rivals": [
            {
                "leaf": rival.leaf,
                "title": tree.leaves[rival.leaf].title,
                "confidence": round(rival.confidence, 4),
                "why": rival.why,
            }
            for rival in diagnosis.rivals
        ],
        "branches": {name: CANNOT_TELL if told is None else told for name, told in diagnosis.branches.items()},
    }


def outline(tree: Tree) -> Record:
    """The tree with nothing asked, for a drawing of it: in the shape of a stored diagnosis."""
    parents = tree.parents()
    return {
        "tree": tree.name,
        "version": tree.version,
        "nodes": [_node(node, None, False, parents.get(node.id)) for node in tree.nodes.values()],
        "leaves": [
            {"id": leaf.id, "title": leaf.title, "parent": parents[leaf.id][0], "edge": parents[leaf.id][1],
             "on_path": False, "confidence": None}
            for leaf in tree.leaves.values()
        ],
    }  # fmt: skip


def headline(*, diagnosis: Diagnosis, service: str, breach: str | None) -> str:
    """One sentence at the top: "chat is burning its first-token budget 20.1 times too fast (limit 14.4 over 1 h): queueing is ..."."""
    lead = breach or service
    return f"{lead}: {diagnosis.headline}" if lead else diagnosis.headline[:1].upper() + diagnosis.headline[1:]


def _nodes(diagnosis: Diagnosis) -> list[Record]:
    asked = {step.node: step for step in (*diagnosis.steps, *diagnosis.aside)}
    on_path = {step.node for step in diagnosis.steps}
    parents = diagnosis.tree.parents()
    taken = {step.to: (step.node, step.answer) for step in diagnosis.steps}  # of several parents the one it was come by
    return [
        _node(node, asked.get(node.id), node.id in on_path, taken.get(node.id) or parents.get(node.id))
        for node in diagnosis.tree.nodes.values()
    ]


def _node(node: Node, asked: Asked | None, on_path: bool, parent: tuple[str, str] | None) -> Record:
    return {
        "id": node.id,
        "question": node.question,
        "asked": asked is not None,
        "answer": asked.answer if asked else None,
        "answers": [edge.answer for edge in node.edges],
        "on_path": on_path,
        "parent": parent[0] if parent else None,
        "edge": parent[1] if parent else None,
        "evidence": [_evidence(item) for item in asked.evidence] if asked else [],
    }


def _leaves(diagnosis: Diagnosis) -> list[Record]:
    parents = diagnosis.tree.parents()
    last = diagnosis.steps[-1]
    rivals = {rival.leaf: rival.confidence for rival in diagnosis.rivals}
    records = []
    for leaf in diagnosis.tree.leaves.values():
        on_path = leaf.id == diagnosis.leaf.id
        parent, edge = (last.node, last.answer) if on_path else parents[leaf.id]
        confidence = diagnosis.confidence if on_path else rivals.get(leaf.id)
        records.append(
            {
                "id": leaf.id,
                "title": leaf.title,
                "parent": parent,
                "edge": edge,
                "on_path": on_path,
                "confidence": None if confidence is None else round(confidence, 4),
                "refuted_by": leaf.refuted_by,
                "first_action": leaf.first_action.text,
            }
        )
    return records


def _evidence(item: Evidence) -> Record:
    query = item.query
    return {
        "signal": item.signal,
        "value": item.value,
        "unit": item.unit,
        "threshold": item.threshold,
        "met": item.met,
        "window_seconds": item.window_seconds,
        "sentence": item.sentence,
        "query": None
        if query is None
        else {
            "family": query.family,
            "start": query.start.isoformat(),
            "end": query.end.isoformat(),
            "where": dict(query.where),
        },
    }
