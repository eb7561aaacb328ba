"""Addresses of the signals."""

from __future__ import annotations

from django.urls import path

from incidents.signals import views

urlpatterns = [path("signals/", views.signals, name="signals")]
