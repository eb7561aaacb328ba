"""Addresses of the alerts' pages."""

from __future__ import annotations

from django.urls import path

from incidents.alerts import views

urlpatterns = [
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/<int:pk>/", views.alert, name="alert"),
]
