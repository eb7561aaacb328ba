"""Addresses of the drills."""

from __future__ import annotations

from django.urls import path

from incidents.drills import views

urlpatterns = [
    path("drills/", views.drills, name="drills"),
    path("drills/start/", views.start, name="drill_start"),
    path("drills/<int:number>/", views.drill, name="drill"),
    path("drills/<int:number>/live/", views.live, name="drill_live"),
    path("drills/<int:number>/<slug:verb>/", views.change, name="drill_change"),
]
