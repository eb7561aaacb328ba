"""Addresses of the SLOs."""

from __future__ import annotations

from django.urls import path

from sloengine.objectives import views

urlpatterns = [
    path("slos/", views.slos, name="slos"),
    path("slos/<path:service>/<slug:slug>/", views.slo, name="slo"),
]
