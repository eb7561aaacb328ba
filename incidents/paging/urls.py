"""Addresses that pagers and the people they reach open."""

from __future__ import annotations

from django.urls import path

from incidents.paging import views

urlpatterns = [
    path("ack/<str:token>/", views.acknowledge, name="acknowledge-link"),
    path("demo/pager/inbox/<str:token>/", views.demo_inbox, name="demo-pager-inbox"),
]
