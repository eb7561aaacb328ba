"""Addresses of replays."""

from __future__ import annotations

from django.urls import path

from incidents.replays import views

#: Before the moves of an incident, which take every other word there.
urlpatterns = [path("incidents/<int:number>/replay/", views.request_replay, name="incident_replay")]
