"""Addresses of spending budgets."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.tenantbudgets import views

urlpatterns = [
    path("cost/budgets/", views.budgets, name="cost_budgets"),
    path("cost/budgets/put/", views.put, name="cost_budget_put"),
    path("cost/budgets/<slug:slug>/", views.budget, name="cost_budget"),
    path("cost/budgets/<slug:slug>/remove/", views.remove, name="cost_budget_remove"),
]
