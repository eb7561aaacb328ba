"""Addresses of the decision tree."""

from __future__ import annotations

from django.urls import path

from incidents.trees import views

urlpatterns = [
    path("tree/", views.tree, name="tree"),
    path("tree/edit/", views.edit, name="tree_edit"),
    path("tree/shipped/", views.use_shipped, name="tree_shipped"),
    path("tree/overrides/add/", views.add_override, name="tree_override"),
    path("tree/overrides/<int:pk>/remove/", views.remove_override, name="tree_override_remove"),
    path("tree/<int:version>/", views.version, name="tree_version"),
    path("tree/<int:version>/activate/", views.activate, name="tree_activate"),
]
