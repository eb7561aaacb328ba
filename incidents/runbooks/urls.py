"""Addresses of the runbooks, and of what people do by one in an incident."""

from __future__ import annotations

from django.urls import path

from incidents.runbooks import views

urlpatterns = [
    path("runbooks/", views.runbooks, name="runbooks"),
    path("runbooks/new/", views.edit, {"slug": ""}, name="runbook_new"),
    path("runbooks/for/<slug:indicator>/", views.of_objective, name="runbook_of_objective"),
    path("runbooks/<slug:slug>/", views.runbook, name="runbook"),
    path("runbooks/<slug:slug>/edit/", views.edit, name="runbook_edit"),
    path("runbooks/<slug:slug>/history/", views.history, name="runbook_history"),
    path("incidents/<int:number>/runbook/<slug:verb>/", views.work, name="incident_runbook"),
]
