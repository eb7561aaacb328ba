"""Addresses for machines: no login, no session."""

from __future__ import annotations

from django.urls import path

from observability import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
