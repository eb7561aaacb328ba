"""Addresses of the postmortems."""

from __future__ import annotations

from django.urls import path

from incidents.learning import views

urlpatterns = [
    path("postmortems/", views.postmortems, name="postmortems"),
    path("postmortems/<int:number>/", views.postmortem, name="postmortem"),
    path("postmortems/<int:number>/publish/", views.publish, name="postmortem_publish"),
]
