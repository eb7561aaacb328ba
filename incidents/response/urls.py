"""Addresses of the incident response: Now, the list, one incident and what is done to it, pages."""

from __future__ import annotations

from django.urls import path

from incidents.response import views

urlpatterns = [
    path("", views.now, name="now"),
    path("now/live/", views.now_live, name="now_live"),
    path("incidents/", views.incidents, name="incidents"),
    path("incidents/<int:number>/", views.incident, name="incident"),
    path("incidents/<int:number>/part/<slug:part>/", views.incident_part, name="incident_part"),
    path("incidents/<int:number>/note/", views.note, name="incident_note"),
    path("incidents/<int:number>/<slug:verb>/", views.act, name="incident_act"),
    path("pages/", views.pages, name="pages"),
]
