"""Addresses of what others scrape."""

from __future__ import annotations

from django.urls import path

from sloengine.reports import views

urlpatterns = [path("metrics/slo", views.slo_metrics, name="slo-metrics")]
