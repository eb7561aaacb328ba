"""Addresses of the runbooks."""

from __future__ import annotations

from django.urls import path

from incidents.runbooks import views

urlpatterns = [
    path("runbooks/", views.runbooks, name="runbooks"),
    path("runbooks/<slug:slug>/", views.runbook, name="runbook"),
]
