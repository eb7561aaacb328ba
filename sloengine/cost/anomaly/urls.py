"""Addresses of cost anomalies."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.anomaly import views

urlpatterns = [
    path("cost/anomalies/", views.anomalies, name="cost_anomalies"),
    path("cost/anomalies/<int:pk>/feedback/", views.give, name="cost_feedback"),
    path("cost/feedback/<int:pk>/forget/", views.forget, name="cost_feedback_forget"),
]
