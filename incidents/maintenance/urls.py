"""Addresses of maintenance."""

from __future__ import annotations

from django.urls import path

from incidents.maintenance import views

urlpatterns = [
    path("maintenance/", views.maintenance, name="maintenance"),
    path("maintenance/add/", views.add, name="maintenance_add"),
    path("maintenance/<int:pk>/cancel/", views.cancel, name="maintenance_cancel"),
]
