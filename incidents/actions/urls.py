"""Addresses of actions: settings, history, one run, and what is pressed on an incident's page."""

from __future__ import annotations

from django.urls import path

from incidents.actions import views

urlpatterns = [
    path("actions/", views.settings, name="actions"),
    path("actions/set/", views.change, name="actions_change"),
    path("actions/switch/<slug:verb>/", views.switch, name="actions_switch"),
    path("actions/secrets/", views.secret, name="action_secret"),
    path("actions/secrets/<slug:name>/forget/", views.forget, name="action_secret_forget"),
    path("actions/rehearse/", views.rehearse, name="action_rehearse"),
    path("actions/runs/", views.runs, name="action_runs"),
    path("actions/runs/<int:pk>/", views.run, name="action_run"),
    path("actions/runs/<int:pk>/<slug:verb>/", views.press, name="action_press"),
    path("incidents/<int:number>/actions/", views.part, name="incident_actions"),
    path("incidents/<int:number>/actions/<slug:action>/", views.propose, name="action_propose"),
]
