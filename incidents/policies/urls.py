"""Addresses of the escalation policies. A plus is in no slug: no policy's name can hide the page that makes one."""

from __future__ import annotations

from django.urls import path

from incidents.policies import views

urlpatterns = [
    path("policies/", views.policies, name="policies"),
    path("policies/+/", views.edit, name="policy_new"),
    path("policies/<slug:slug>/", views.policy, name="policy"),
    path("policies/<slug:slug>/edit/", views.edit, name="policy_edit"),
    path("policies/<slug:slug>/remove/", views.remove, name="policy_remove"),
]
