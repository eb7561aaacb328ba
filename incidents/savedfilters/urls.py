"""Addresses of the saved filters of the incident list."""

from __future__ import annotations

from django.urls import path

from incidents.savedfilters import views

urlpatterns = [
    path("incidents/filters/", views.save, name="filter_save"),
    path("incidents/filters/<int:pk>/remove/", views.remove, name="filter_remove"),
]
