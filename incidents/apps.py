"""The Django application of incidents."""

from __future__ import annotations

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """All nouns of `incidents` are one application with one migrations folder."""

    name = "incidents"
    verbose_name = "Incidents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from incidents.runbooks import checks  # noqa: F401  registers the system check of tree and runbooks
