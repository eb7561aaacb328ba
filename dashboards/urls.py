"""Addresses of the dashboards: everything under /dash/ is Dash's, behind our view."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic import RedirectView

from dashboards import view

urlpatterns = [
    path("dash/", RedirectView.as_view(pattern_name="dash_slo")),
    path("dash/slo/", view.serve, name="dash_slo"),
    path("dash/slo.csv", view.slo_csv, name="dash_slo_csv"),
    re_path(r"^dash/(?:_|assets/).*$", view.serve),
]
