"""Addresses of the demo."""

from __future__ import annotations

from django.urls import path

from incidents.demo import views

urlpatterns = [
    path("demo/pager/", views.pager, name="demo_pager"),
    path("demo/pager/live/", views.pager_live, name="demo_pager_live"),
    path("demo/break/", views.break_something, name="break_something"),
]
