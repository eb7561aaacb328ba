"""Rollup rows: the totals of a block at a tick. One table a tier, partitioned by time in migration 0001.

Rows are only added; the run-time role may not change or remove them. Old ones go with their partition.
"""

from __future__ import annotations

from django.db import models

from sloengine.collect.models import Block
from sloengine.rollups.thinning import FINEST, FIVE_MINUTES, HOUR, Tier


class Rollup(models.Model):
    """The totals of the first len(vector)/8 slots of a block as float64, and the state of each as a byte.

    States: 0 no data, 1 ok, 2 zero traffic, 3 partial. A slot born later reads 0 from shorter rows.
    """

    pk = models.CompositePrimaryKey("block_id", "at")
    block = models.ForeignKey(Block, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    at = models.DateTimeField()
    vector = models.BinaryField()
    states = models.BinaryField()

    class Meta:
        abstract = True


class RollupFinest(Rollup):
    class Meta:
        db_table = "sloengine_rollup_finest"


class RollupFiveMinutes(Rollup):
    class Meta:
        db_table = "sloengine_rollup_five_minutes"


class RollupHour(Rollup):
    class Meta:
        db_table = "sloengine_rollup_hour"


TABLES: dict[Tier, str] = {
    FINEST: RollupFinest._meta.db_table,
    FIVE_MINUTES: RollupFiveMinutes._meta.db_table,
    HOUR: RollupHour._meta.db_table,
}
#: The sums of objectives are thinned and pruned as the counters are that they come from (`budgets.models.TallyRow`).
TALLY_TABLES: dict[Tier, str] = {
    FINEST: "sloengine_tally_finest",
    FIVE_MINUTES: "sloengine_tally_five_minutes",
    HOUR: "sloengine_tally_hour",
}
PARTITIONED: tuple[tuple[str, Tier], ...] = (
    *((table, tier) for tier, table in TABLES.items()),
    *((table, tier) for tier, table in TALLY_TABLES.items()),
)
