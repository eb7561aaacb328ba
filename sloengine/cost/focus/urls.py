"""The address of exports."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.focus import views

urlpatterns = [path("cost/focus/", views.focus, name="cost_focus")]
