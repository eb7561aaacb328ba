"""Addresses of silences."""

from __future__ import annotations

from django.urls import path

from incidents.silences import views

urlpatterns = [
    path("silences/", views.silences, name="silences"),
    path("silences/add/", views.add, name="silence_add"),
    path("silences/<int:pk>/end/", views.end, name="silence_end"),
    path("silences/<int:pk>/prolong/", views.prolong, name="silence_prolong"),
]
