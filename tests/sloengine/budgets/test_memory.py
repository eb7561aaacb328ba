"""What a process remembers between ticks must be what the rows say."""

from __future__ import annotations

import pytest

from observability.core import permissions
from sloengine.budgets.tallies import services as tallies
from sloengine.objectives import services as objectives
from sloengine.objectives.models import Objective
from sloengine.objectives.texts import Document
from tests.sloengine.budgets import tallied
from tests.sloengine.budgets.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def last(slug: str) -> dict[str, float]:
    return tallied.rows(Objective.objects.get(slug=slug))[-1][1]


@pytest.mark.parametrize("forgetful", [True, False], ids=["a new process each tick", "one process"])
def test_a_process_that_forgets_counts_the_same(forgetful):
    world = World()
    world.minutes(1, good=100)
    world.apply_library()
    for minute in range(6):
        world.minutes(0.5, good=100, slow=10 * minute)
        if forgetful:
            tallies.forget()
    world.tick(good=10, evaluate=False)
    world.tick(good=10)
    assert last("first-token-p95")["total"] == 5
    assert last("first-token-p95")["good"] == 2
    assert last("first-token-300ms")["denominator"] == 100 * 2 + 600 + 150 + 20


def test_a_new_threshold_counts_anew_in_the_same_process():
    world = World()
    world.minutes(1, good=100)
    world.apply_library()
    world.minutes(3, good=100)
    text = next(document.text for document in objectives.library() if document.file == "first-token-300ms.yaml")
    actor = permissions.system(world.organisation)
    laxer = [Document("f.yaml", text.replace("value: 0.3", "value: 0.5"))]
    world.minutes(1, slow=100)
    objectives.apply(organisation=world.organisation, documents=laxer, actor=actor, now=world.now)
    world.tick(good=100)
    found = last("first-token-300ms")
    assert found["good"] == found["total"] == 100 * 2 + 600 + 200 + 100
