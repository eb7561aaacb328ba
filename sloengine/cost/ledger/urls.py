"""Addresses of cost."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.ledger import views

urlpatterns = [
    path("cost/", views.spent, name="cost"),
    path("cost/prices/", views.books, name="cost_books"),
    path("cost/prices/take/<slug:kind>/", views.take, name="cost_take"),
    path("cost/invoices/<path:number>/", views.invoice, name="cost_invoice"),
]
