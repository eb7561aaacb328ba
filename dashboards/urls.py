"""Addresses of the dashboards: everything under /dash/ is Dash's, behind our view."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic import RedirectView

from dashboards import view
from dashboards.shelf import BOARDS, FIRST

urlpatterns = [
    path("dash/", RedirectView.as_view(pattern_name=f"dash_{FIRST}")),
    *(path(f"dash/{slug}/", view.serve, name=f"dash_{slug}") for slug in BOARDS),
    *(path(f"dash/{slug}.csv", view.table, {"slug": slug}, name=f"dash_{slug}_csv") for slug in BOARDS),
    re_path(r"^dash/(?:_|assets/).*$", view.serve),
]
