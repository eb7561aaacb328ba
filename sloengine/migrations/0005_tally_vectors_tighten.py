"""The old rows of sums, one an objective and tick, are not needed any more."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("sloengine", "0004_tally_vectors_fill"),
    ]

    operations = [
        migrations.DeleteModel(name="Tally"),
        migrations.RemoveField(model_name="evaluationcursor", name="pruned_at"),
    ]
