"""Addresses of the SLOs."""

from __future__ import annotations

from django.urls import path

from sloengine.objectives import views

urlpatterns = [
    path("slos/", views.slos, name="slos"),
    path("slos/<path:service>/<slug:slug>/exclude/", views.exclude, name="slo_exclude"),
    path("slos/<path:service>/<slug:slug>/exclusions/<int:number>/call-off/", views.call_off, name="slo_call_off"),
    path("slos/<path:service>/<slug:slug>/adjust/", views.adjust, name="slo_adjust"),
    path("slos/<path:service>/<slug:slug>/", views.slo, name="slo"),
]
