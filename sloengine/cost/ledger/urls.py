"""Addresses of cost."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.ledger import views

urlpatterns = [path("cost/", views.spent, name="cost")]
