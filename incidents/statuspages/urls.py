"""Addresses of the status page."""

from __future__ import annotations

from django.urls import path

from incidents.statuspages import views

urlpatterns = [
    path("status/", views.settings, name="status_settings"),
    path("status/<slug:slug>/", views.page, name="status_page"),
]
