"""Addresses of the floor: who you are and what you set."""

from __future__ import annotations

from django.urls import path

from observability.core import views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    path("preferences/", views.preferences, name="preferences"),
    path("preferences/tokens/", views.tokens, name="tokens"),
    path("preferences/tokens/<int:pk>/revoke/", views.revoke_token, name="revoke_token"),
]
