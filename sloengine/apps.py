"""The Django application of sloengine."""

from __future__ import annotations

from django.apps import AppConfig


class SloengineConfig(AppConfig):
    """All nouns of `sloengine` are one application with one migrations folder."""

    name = "sloengine"
    verbose_name = "SLO engine"
    default_auto_field = "django.db.models.BigAutoField"
