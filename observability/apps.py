"""The roof as a Django app: its commands (up, doctor, gameday) and system checks."""

from __future__ import annotations

from django.apps import AppConfig


class ObservabilityConfig(AppConfig):
    name = "observability"
    label = "observability"
