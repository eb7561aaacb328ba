"""Address of the back-test of an objective."""

from __future__ import annotations

from django.urls import path

from sloengine.backtests import views

urlpatterns = [path("slos/<path:service>/<slug:slug>/backtest/", views.slo_backtest, name="slo_backtest")]
