"""The roof as a Django app: its commands (up, doctor, gameday) and system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from observability import celery  # noqa: F401 - every process that writes a page can ask for a worker


class ObservabilityConfig(AppConfig):
    name = "observability"
    label = "observability"

    def ready(self) -> None:
        """In every process: a web request may open an incident, and its first look must know that a replay will follow."""
        if settings.TAILWATCH_REPLAY_SUITE:
            from observability import replays

            replays.configure(settings.TAILWATCH_REPLAY_SUITE)
