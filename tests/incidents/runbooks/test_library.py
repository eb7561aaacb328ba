"""The shipped runbooks are whole: one for each failure mode, each leaf and each kind of objective."""

from __future__ import annotations

import pytest

from incidents.diagnosis import shipped
from incidents.runbooks import queries, shelf
from incidents.runbooks.format import Kind
from sloengine.objectives.objective import Indicator

#: The failure modes of the requirements, by the leaf that names them.
FAILURE_MODES = (
    "slow-tail", "slice-regression", "streaming-stalls", "out-of-memory", "errors-after-quantisation", "kpi-falls",
    "failed-rollout", "quality-regression", "retrieval-regression", "kv-cache-exhaustion", "prefix-cache-collapse", "stall",
    "decode-slowdown", "gpu-fault", "one-slow-replica", "traffic-spike", "traffic-mix-shift", "runaway-tenant", "region-outage",
    "config-drift", "schema-break", "retry-storm", "cold-start", "service-outage", "safety-regression", "admission-rejections",
    "cost-anomaly", "long-prompt-flood", "replica-outage", "error-spike", "queue-unexplained", "prefill-slow", "decode-slow",
    "quality-drift", "unexplained",
)  # fmt: skip
#: A composite is made of the others; a query of yours is yours to explain.
WITHOUT = {Indicator.COMPOSITE, Indicator.QUERY}


@pytest.mark.parametrize("slug", FAILURE_MODES)
def test_each_failure_mode_has_a_runbook_of_its_own(slug: str) -> None:
    assert queries.shipped()[slug].runbook.matches == (slug,)


def test_each_leaf_of_the_tree_names_the_runbook_of_its_own_name() -> None:
    assert {leaf.id: leaf.runbook for leaf in shipped.tree().leaves.values() if leaf.runbook != leaf.id} == {}


@pytest.mark.parametrize("indicator", [kind for kind in Indicator if kind not in WITHOUT])
def test_each_kind_of_objective_has_a_runbook(indicator: Indicator) -> None:
    found = shelf.for_objective(books=queries.shipped(), indicator=indicator)
    assert found is not None
    assert indicator.value in found.runbook.objectives


def test_each_runbook_has_something_to_ask_by_itself_and_something_to_do() -> None:
    for slug, book in queries.shipped().items():
        kinds = [step.kind for step in book.runbook.steps]
        assert kinds.count(Kind.DIAGNOSTIC) >= 4, slug
        assert Kind.ACTION in kinds, slug
