"""Address of the what-if page."""

from __future__ import annotations

from django.urls import path

from sloengine.cost.whatif import views

urlpatterns = [path("cost/what-if/", views.what_if, name="what_if")]
