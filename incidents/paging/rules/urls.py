"""Addresses of a person's own paging."""

from __future__ import annotations

from django.urls import path

from incidents.paging.rules import views

urlpatterns = [
    path("me/paging/", views.my_paging, name="my_paging"),
    path("me/paging/rules/", views.set_rules, name="my_rules"),
    path("me/paging/quiet/", views.set_quiet, name="my_quiet_hours"),
]
