"""Addresses of ingest: the hooks, and the pages about them."""

from __future__ import annotations

from django.urls import path, re_path

from incidents.ingest.views import hooks, pages

urlpatterns = [
    path("api/v2/alerts", hooks.posted_with_token),
    path("hooks/alertmanager/<str:key>/api/v2/alerts", hooks.posted_alerts),
    path("hooks/heartbeat/<str:key>", hooks.check_in, name="check_in"),
    path("hooks/heartbeat/<str:key>/fail", hooks.check_in, {"failed": "fail"}),
    path("hooks/<slug:kind>/<str:key>", hooks.hook, name="hook"),
    path("hooks/<slug:kind>/<str:key>/", hooks.hook),
    path("integrations/", pages.integrations, name="integrations"),
    path("integrations/add/", pages.add, name="integration_add"),
    path("integrations/<int:pk>/", pages.integration, name="integration"),
    path("integrations/<int:pk>/change/", pages.change, name="integration_change"),
    path("integrations/<int:pk>/try/", pages.attempt, name="integration_try"),
    re_path("^integrations/(?P<pk>[0-9]+)/(?P<verb>key|end|test)/$", pages.act, name="integration_act"),
]
