"""What objectives have counted so far moves into the new rows."""

from datetime import timedelta

import numpy as np
from django.db import migrations

from sloengine.budgets.tallies import sums
from sloengine.rollups.thinning import FINEST, FIVE_MINUTES, HOUR, partitions_from, tiers_of

TABLES = {FINEST: "sloengine_tally_finest", FIVE_MINUTES: "sloengine_tally_five_minutes", HOUR: "sloengine_tally_hour"}
COLUMNS = ("numerator", "denominator", "good", "total", "covered_seconds", "readings", "seen_at")


def fill(apps, schema_editor):
    Tally, Objective = apps.get_model("sloengine", "Tally"), apps.get_model("sloengine", "Objective")
    Block, Place = apps.get_model("sloengine", "TallyBlock"), apps.get_model("sloengine", "TallyPlace")
    counted = Tally.objects.order_by().values_list("objective", flat=True).distinct()
    by_organisation = {}
    for objective, organisation in Objective.objects.filter(pk__in=counted).order_by("pk").values_list("pk", "organisation"):
        by_organisation.setdefault(organisation, []).append(objective)
    for organisation, objectives in by_organisation.items():
        for number, begin in enumerate(range(0, len(objectives), sums.BLOCK_SIZE)):
            members = objectives[begin : begin + sums.BLOCK_SIZE]
            block = Block.objects.create(organisation_id=organisation, number=number)
            _fill_block(schema_editor.connection, Tally, Place, block.pk, members)


def _fill_block(connection, Tally, Place, block_id, members):
    position = {objective: index for index, objective in enumerate(members)}
    rows = Tally.objects.filter(objective__in=members)
    bounds = rows.order_by("tick").values_list("tick", flat=True)
    first, last = bounds.first(), bounds.last()
    now, places, waiting = np.zeros((sums.COLUMNS, len(members))), {}, {tier: [] for tier in TABLES}
    _partitions(connection, first, last)
    at = None
    for objective, tick, *values in rows.order_by("tick", "objective").values_list("objective", "tick", *COLUMNS).iterator(chunk_size=5000):
        if at is not None and tick != at:
            _keep(waiting, block_id, at, now, last)
        at = tick
        values[6] = np.nan if values[6] is None else values[6].timestamp()
        now[:, position[objective]] = values
        if objective not in places:
            places[objective] = Place(
                objective_id=objective, block_id=block_id, position=position[objective], began_at=tick,
                base=now[:, position[objective]].tobytes(),
            )
    _keep(waiting, block_id, at, now, last)
    Place.objects.bulk_create(places.values())
    for tier, table in TABLES.items():
        for begin in range(0, len(waiting[tier]), 500):
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {table} (block_id, at, sums) SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::bytea[])",
                    [list(column) for column in zip(*waiting[tier][begin : begin + 500], strict=True)],
                )


def _keep(waiting, block_id, at, now, last):
    row = (block_id, at, sums.written(now))
    for tier in tiers_of(at, zones=("UTC",)):
        if last - at <= tier.keep:
            waiting[tier].append(row)


def _partitions(connection, first, last):
    for tier, table in TABLES.items():
        for lowest, highest in partitions_from(tier, start=max(first, last - tier.keep), end=last + timedelta(hours=1)):
            with connection.cursor() as cursor:
                cursor.execute("SELECT tailwatch_create_partition(%s, %s, %s)", [table, lowest, highest])


class Migration(migrations.Migration):

    dependencies = [
        ("sloengine", "0003_tally_vectors"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
