"""Slots of replicas that are gone are given out again; rows that no reader could read are refused."""

from django.db import migrations, models

ROLLUPS = ("sloengine_rollup_finest", "sloengine_rollup_five_minutes", "sloengine_rollup_hour")
TALLIES = ("sloengine_tally_finest", "sloengine_tally_five_minutes", "sloengine_tally_hour")
#: As many float64 as states, up to 512. Lengths are in the head of a value, so that checking unpacks nothing.
VECTOR = "octet_length(vector) = 8 * octet_length(states) AND octet_length(states) BETWEEN 1 AND 512"


def check(table: str, name: str, condition: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name} CHECK ({condition})",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_{name}",
    )


class Migration(migrations.Migration):

    dependencies = [
        ("sloengine", "0005_tally_vectors_tighten"),
    ]

    operations = [
        migrations.AddField(
            model_name="slot",
            name="idle_since",
            field=models.DateTimeField(help_text="Of a replica's slot: fed by nothing since, looked at hourly", null=True),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=models.Q(("scope", "replica"), ("idle_since", None), _connector="OR"),
                name="slot_idle_only_of_replicas",
            ),
        ),
        migrations.AddConstraint(
            model_name="tick",
            constraint=models.CheckConstraint(condition=models.Q(("covers__gte", 1)), name="tick_covers_itself"),
        ),
        *(check(table, "vector_has_states", VECTOR) for table in ROLLUPS),
        *(check(table, "sums_are_some", "octet_length(sums) > 3") for table in TALLIES),
    ]
