"""Addresses of the on-call pages and of the calendar feeds."""

from __future__ import annotations

from django.urls import path

from incidents.oncall import views

urlpatterns = [
    path("oncall/", views.overview, name="oncall"),
    path("oncall/new/", views.edit, name="schedule_new"),
    path("oncall/feed/", views.make_feed, name="oncall_feed"),
    path("oncall/feed/<str:token>.ics", views.feed, name="calendar_feed"),
    path("oncall/swaps/<int:pk>/<slug:verb>/", views.answer_swap, name="swap_answer"),
    path("oncall/<slug:slug>/", views.schedule, name="schedule"),
    path("oncall/<slug:slug>/edit/", views.edit, name="schedule_edit"),
    path("oncall/<slug:slug>/override/", views.override, name="schedule_override"),
    path("oncall/<slug:slug>/override/<int:pk>/cancel/", views.cancel_override, name="override_cancel"),
    path("oncall/<slug:slug>/swap/", views.swap, name="schedule_swap"),
    path("oncall/<slug:slug>/note/", views.note, name="schedule_note"),
    path("oncall/<slug:slug>/calendar/", views.import_calendar, name="schedule_calendar"),
    path("oncall/<slug:slug>/calendar/leave/", views.leave_calendar, name="schedule_calendar_leave"),
    path("oncall/<slug:slug>/feed/", views.make_feed, name="schedule_feed"),
]
