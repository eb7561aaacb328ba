"""The Django application of sloengine."""

from __future__ import annotations

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from sloengine.budgets import windows
from sloengine.cost.contracts import workdays


class SloengineConfig(AppConfig):
    """All nouns of `sloengine` are one application with one migrations folder."""

    name = "sloengine"
    verbose_name = "SLO engine"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Judge by the table of TAILWATCH_ALERT_WINDOWS where one is named; a mistake in it, or in the country of holidays, stops
        the start."""
        if settings.TAILWATCH_HOLIDAYS and not workdays.known(settings.TAILWATCH_HOLIDAYS):
            raise ImproperlyConfigured(
                f"TAILWATCH_HOLIDAYS: found {settings.TAILWATCH_HOLIDAYS!r}, expected a country's code such as US or DE"
            )
        path = settings.TAILWATCH_ALERT_WINDOWS
        if path:
            try:
                windows.use(windows.parse(Path(path).read_text(encoding="utf-8")))
            except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
                raise ImproperlyConfigured(f"TAILWATCH_ALERT_WINDOWS: {path}: {error!s}") from error
