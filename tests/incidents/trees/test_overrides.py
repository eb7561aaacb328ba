"""Thresholds of single services, and a stored diagnosis under another tree."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.diagnosis import record, shipped
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.tree import evaluate
from incidents.trees import overrides, preview
from incidents.trees.overrides import BadOverrideError, Override
from incidents.trees.preview import Past
from tests.incidents.diagnosis.situations import LEAVES, table

TREE = shipped.tree()
LATER = Override("traffic", "traffic_factor > 1.5 x", "traffic_factor > 3 x")


def test_a_service_with_another_threshold_takes_another_way() -> None:
    spike = table(LEAVES["traffic-spike"])
    assert evaluate(tree=TREE, signals=spike).leaf.id == "traffic-spike"
    own = overrides.apply(tree=TREE, overrides=[LATER])
    assert evaluate(tree=own, signals=spike).leaf.id == "queue-unexplained"
    assert TREE.nodes["traffic"].edges[1].when != own.nodes["traffic"].edges[1].when


def test_a_leaf_expects_otherwise_too() -> None:
    own = overrides.apply(
        tree=TREE, overrides=[Override("traffic-spike", "traffic_factor > 1.5 x", "traffic_factor > 3 x")]
    )
    found = evaluate(tree=own, signals=table(LEAVES["traffic-spike"]))
    assert found.leaf.id == "traffic-spike"
    assert found.confidence < evaluate(tree=TREE, signals=table(LEAVES["traffic-spike"])).confidence


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Override("nowhere", "traffic_factor > 1.5 x", "traffic_factor > 3 x"), "place: found 'nowhere'"),
        (Override("traffic", "kv_cache > 85 %", "kv_cache > 95 %"), "expected one of traffic's: traffic_factor > 1.5x"),
        (
            Override("traffic", "traffic_factor > 1.5 x", "traffic_factor < 3 x"),
            "expected traffic_factor > and another",
        ),
        (Override("traffic", "traffic_factor > 1.5 x", "traffic_factor > 3 ms"), "becomes: found unit 'ms'"),
        (Override("traffic", "traffic", "traffic_factor > 3 x"), "was: found 'traffic'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_and_changes_nothing(given: Override, said: str) -> None:
    with pytest.raises(BadOverrideError, match=said.replace("(", r"\(")):
        overrides.check(tree=TREE, override=given)
    assert overrides.apply(tree=TREE, overrides=[given]) == TREE


def past(**answers: Any) -> Past:
    spike = table(LEAVES["traffic-spike"])
    stored = record.to_json(diagnosis=evaluate(tree=TREE, signals=spike), decided_at=datetime(2026, 1, 5, tzinfo=UTC))
    return Past(7, "chat", "Queueing", "traffic-spike", 0.9, stored | {"answers": answers} if answers else stored)


def test_a_stored_diagnosis_comes_to_the_same_leaf_under_the_same_tree() -> None:
    told = {name: {"value": value, "detail": ""} for name, value in table(LEAVES["traffic-spike"]).values.items()}
    found = preview.compare(past=past(**told), running=TREE, draft=TREE)
    assert (found.running, found.draft, found.changed, found.untold) == ("traffic-spike", "traffic-spike", False, ())


def test_a_draft_shows_what_it_would_have_said_and_what_was_not_stored() -> None:
    draft = overrides.apply(tree=TREE, overrides=[LATER])
    found = preview.compare(past=past(), running=TREE, draft=draft)
    assert (found.running, found.changed) == ("traffic-spike", True)
    assert "output_length_factor" in found.untold  # the stored way never came by


def test_older_records_without_a_list_of_answers_are_read_from_their_evidence() -> None:
    values = preview.stored(past().diagnosis)
    assert values["traffic_factor"] == Answer(2.6, 300)
    assert preview.stored({}) == {}
