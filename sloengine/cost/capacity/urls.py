"""Address of the capacity page."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.capacity import views

urlpatterns = [path("cost/capacity/", views.capacity, name="cost_capacity")]
