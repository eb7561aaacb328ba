"""Objectives come and go: each has its own past in rows it shares with others, through upgrades and long silences too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from observability.core import permissions
from observability.supervisor import postgres
from sloengine.budgets.models import EvaluationCursor, TallyBlock, TallyPlace
from sloengine.budgets.services import evaluate_due
from sloengine.budgets.tallies import queries as sums
from sloengine.budgets.tallies import services as tallies
from sloengine.collect.services.ticks import zones_in_use
from sloengine.objectives import services as objectives
from sloengine.objectives.models import Objective
from sloengine.objectives.texts import Document
from sloengine.rollups.services import ensure_partitions, thin_and_prune
from tests import factories, servers
from tests.sloengine.budgets.world import START, TICK, World

pytestmark = pytest.mark.django_db(transaction=True)


def document(name: str) -> str:
    return next(one.text for one in objectives.library() if one.file == name)


def apply(world: World, *texts: str, prune: bool = False) -> None:
    objectives.apply(
        organisation=world.organisation,
        documents=[Document(f"{number}.yaml", text) for number, text in enumerate(texts)],
        actor=permissions.system(world.organisation),
        now=world.now,
        prune=prune,
    )


def counted(slug: str, *edges: datetime) -> list[tuple[float, float]]:
    values = sums.at(objectives=[Objective.objects.get(slug=slug).pk], edges=edges).values[0]
    return [(float(row[sums.GOOD]), float(row[sums.TOTAL])) for row in values]


def test_one_applied_later_has_its_past_in_the_rows_of_the_others():
    world = World()
    world.minutes(1, good=100)
    apply(world, document("availability.yaml"))
    world.minutes(10, good=90, failed=10)
    before = counted("availability", world.now - timedelta(minutes=5), world.now)
    apply(world, document("availability.yaml"), document("first-token-300ms.yaml"))
    world.minutes(1, good=90, slow=10)
    assert TallyBlock.objects.count() == 1
    five, now = counted("availability", world.now - timedelta(minutes=6), world.now - timedelta(minutes=1))
    assert (five, now) == (before[0], before[1]), "the others' past is what it was"
    first, later = counted("first-token-300ms", START, world.now)
    assert (later[0] - first[0], later[1] - first[1]) == (200 + 20 * 90 + 180, 200 + 20 * 90 + 200)


def test_a_place_that_is_free_again_shows_nothing_of_who_had_it():
    world = World()
    world.minutes(1, good=100)
    apply(world, document("availability.yaml"), document("first-token-300ms.yaml"))
    world.minutes(5, good=100)
    gone = Objective.objects.get(slug="availability")
    position = gone.tally_place.position
    gone.delete()
    world.tick(good=100)
    apply(world, document("first-token-300ms.yaml"), document("queue-delay.yaml"))
    world.minutes(2, good=100)
    taken = Objective.objects.get(slug="queue-delay")
    assert taken.tally_place.position == position
    tallies.forget()
    assert counted("queue-delay", START, world.now) == [(0, 0), (0, 0)], "this fleet says nothing of queues"


def test_one_switched_off_and_on_again_goes_on():
    world = World()
    world.minutes(1, good=100)
    apply(world, document("availability.yaml"), document("first-token-300ms.yaml"))
    world.minutes(2, good=100)
    apply(world, document("first-token-300ms.yaml"), prune=True)
    world.minutes(2, good=100)
    apply(world, document("availability.yaml"), document("first-token-300ms.yaml"))
    world.minutes(1, good=90, failed=10)
    ((_, at_start), (good, total)) = counted("availability", START, world.now)
    assert (total - at_start, total - good) == (1200, 20)


def test_sums_outlive_a_silence_longer_than_the_finest_tier():
    world = World()
    world.minutes(1, good=100)
    world.apply_library()
    world.minutes(4.5, good=90, slow=10)
    before = counted("first-token-p95", world.now)
    world.now += timedelta(hours=8)
    thin_and_prune(now=world.now)
    ensure_partitions(now=world.now)
    tallies.forget()
    assert counted("first-token-p95", world.now) == before
    world.tick(good=100)
    world.tick(good=100)
    assert counted("first-token-p95", world.now)[0][1] >= before[0][1]


def test_midnights_of_the_calendars_that_budgets_follow_are_kept():
    service = factories.make_service(factories.make_organisation())
    calendar = {"unit": "M", "count": 1, "start": "2026-01-01T00:00:00", "zone": "Asia/Kathmandu"}
    objective = factories.make_objective(service, terms={"calendar": calendar})
    assert "Asia/Kathmandu" in zones_in_use()
    Objective.objects.filter(pk=objective.pk).update(enabled=False)
    assert "Asia/Kathmandu" not in zones_in_use()


def test_statements_of_a_tick_do_not_grow_with_objectives(django_assert_max_num_queries):
    world = World()
    world.minutes(1, good=100)
    apply(world, document("availability.yaml"))
    world.minutes(8, good=100)
    for some in (1, 6):
        if some > 1:
            world.apply_library()
            world.minutes(2, good=100)
        world.tick(good=100, evaluate=False)
        with django_assert_max_num_queries(14):  # three of them look for an hour's level of what is watched
            assert evaluate_due(now=world.now) == 1


@pytest.fixture
def owned(database_server: servers.Database) -> Iterator[None]:
    """A database of its own, entered as the role that migrates."""
    mine = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(NAME=database_server.new("tailwatch_upgrade"), USER=postgres.OWNER)
    yield
    connection.close()
    connection.settings_dict.update(mine)


@pytest.mark.heavy
@pytest.mark.usefixtures("owned")
def test_what_was_counted_before_the_upgrade_is_still_there():
    """Rows of one objective and tick each, as the first version kept them."""
    executor = MigrationExecutor(connection)
    latest, before = executor.loader.graph.leaf_nodes("sloengine"), [("sloengine", "0003_tally_vectors")]
    executor.migrate(before)
    old = executor.loader.project_state(before).apps
    organisation = factories.make_organisation()
    service = factories.make_service(organisation)
    one, two = (
        old.get_model("sloengine", "Objective").objects.create(
            organisation_id=organisation.pk, service_id=service.pk, slug=slug, title=slug, indicator="availability",
            method="occurrences", target="0.99", created_at=START, changed_at=START,
        )
        for slug in ("one", "two")
    )  # fmt: skip
    Tally = old.get_model("sloengine", "Tally")
    for number in range(20):
        for objective in (one, two)[: 1 if number < 5 else 2]:
            Tally.objects.create(
                objective=objective, tick=START + number * TICK, numerator=9.5 * number, denominator=10.0 * number,
                good=9.5 * number, total=10.0 * number, covered_seconds=30.0 * number, readings=number,
            )  # fmt: skip
    MigrationExecutor(connection).migrate(latest)
    EvaluationCursor.objects.create(organisation=organisation, tick=START + 19 * TICK)
    assert TallyPlace.objects.count() == 2
    edges = [START - timedelta(days=1), START + 3 * TICK, START + 7 * TICK, START + timedelta(days=1)]
    assert counted("one", *edges) == [(0, 0), (28.5, 30), (66.5, 70), (180.5, 190)]
    assert counted("two", *edges) == [(47.5, 50), (47.5, 50), (66.5, 70), (180.5, 190)]
    assert sums.began_at([two.pk]) == START + 5 * TICK
