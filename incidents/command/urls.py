"""Addresses of declaring and of what people do to an incident beside moving it on."""

from __future__ import annotations

from django.urls import path

from incidents.command import views

urlpatterns = [
    path("incidents/declare/", views.declare, name="declare"),
    path("incidents/bulk/", views.bulk, name="incidents_bulk"),
    path("incidents/times/", views.figures, name="incident_times"),
    path("incidents/<int:number>/do/<slug:verb>/", views.do, name="incident_do"),
]
