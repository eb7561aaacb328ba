from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sloengine", "0014_imports_placements_invoices")]

    operations = [
        migrations.AddField("metricsource", "asked_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("metricsource", "asked_seconds", models.FloatField(db_default=0.0, default=0.0)),
        migrations.AlterField(
            "metricsource",
            "attempted_at",
            models.DateTimeField(blank=True, help_text="When the last attempt ended", null=True),
        ),
    ]
