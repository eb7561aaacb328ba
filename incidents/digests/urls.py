"""Where a person asks for the week in a message."""

from __future__ import annotations

from django.urls import path

from incidents.digests import views

urlpatterns = [path("me/digest/", views.my_digest, name="my_digest")]
