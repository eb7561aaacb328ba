"""Addresses of the routes."""

from __future__ import annotations

from django.urls import path

from incidents.routing import views

urlpatterns = [
    path("routes/", views.routes, name="routes"),
    path("routes/change/", views.change, name="routes_change"),
]
