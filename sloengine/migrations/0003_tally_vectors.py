"""The sums of objectives become one row a block of 512 and tick, in tiers like the rollups': the tables."""

import django.db.models.deletion
from django.db import migrations, models

ROLLUPS = ("sloengine_rollup_finest", "sloengine_rollup_five_minutes", "sloengine_rollup_hour")
TALLIES = ("sloengine_tally_finest", "sloengine_tally_five_minutes", "sloengine_tally_hour")


def partitioned(table: str) -> list[str]:
    """A table partitioned by time. Its rows come compressed, so that trying again would be for nothing."""
    return [
        f"CREATE TABLE {table} (block_id bigint NOT NULL, at timestamptz NOT NULL, sums bytea NOT NULL,"
        f" PRIMARY KEY (block_id, at)) PARTITION BY RANGE (at)",
        f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT",
        f"ALTER TABLE {table} ALTER COLUMN sums SET STORAGE EXTERNAL",
    ]


def known_tables(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    """The two functions that make and drop partitions know these tables; all else of them stays as 0001 wrote it."""
    old, new = (", ".join(f"'{table}'" for table in tables) for tables in (before, after))
    return f"""
DO $do$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tailwatch_create_partition', 'tailwatch_drop_partitions'] LOOP
        EXECUTE replace(pg_get_functiondef(name::regproc), $old$NOT IN ({old})$old$, $new$NOT IN ({new})$new$);
    END LOOP;
END $do$
"""


def rows(name: str, table: str) -> migrations.CreateModel:
    return migrations.CreateModel(
        name=name,
        fields=[
            ("pk", models.CompositePrimaryKey("block_id", "at", blank=True, editable=False, primary_key=True, serialize=False)),
            ("at", models.DateTimeField()),
            ("sums", models.BinaryField()),
            ("block", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to="sloengine.tallyblock")),
        ],
        options={"db_table": table},
    )


class Migration(migrations.Migration):

    dependencies = [
        ("sloengine", "0002_objectives_budgets"),
    ]

    operations = [
        migrations.CreateModel(
            name="TallyBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("version", models.PositiveIntegerField(default=0)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="tally_blocks", to="core.organisation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organisation", "number"), name="tally_block_number_once")],
            },
        ),
        migrations.CreateModel(
            name="TallyPlace",
            fields=[
                ("objective", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="tally_place", serialize=False, to="sloengine.objective")),
                ("position", models.PositiveSmallIntegerField()),
                ("began_at", models.DateTimeField()),
                ("base", models.BinaryField(help_text="seven float64")),
                ("block", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="places", to="sloengine.tallyblock")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("block", "position"), name="tally_place_once"),
                    models.CheckConstraint(condition=models.Q(("position__lt", 512)), name="tally_position_below_512"),
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[rows(name, table) for name, table in zip(("TallyFinest", "TallyFiveMinutes", "TallyHour"), TALLIES, strict=True)],
            database_operations=[
                *(migrations.RunSQL(partitioned(table), f"DROP TABLE {table}") for table in TALLIES),
                migrations.RunSQL(known_tables(ROLLUPS, (*ROLLUPS, *TALLIES)), known_tables((*ROLLUPS, *TALLIES), ROLLUPS)),
            ],
        ),
    ]
