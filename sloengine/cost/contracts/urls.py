"""Addresses of contracts and cost reviews."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.contracts import views

urlpatterns = [
    path("cost/contracts/", views.contracts, name="contracts"),
    path("cost/contracts/put/", views.put, name="contract_put"),
    path("cost/contracts/<slug:slug>/", views.contract, name="contract"),
    path("cost/contracts/<slug:slug>/call-off/", views.call_off, name="contract_call_off"),
    path("cost/reviews/<int:pk>/", views.review, name="cost_review"),
    path("cost/reviews/<int:pk>/close/", views.close, name="cost_review_close"),
]
