"""Addresses of objectives whose service is named as people name services."""

from __future__ import annotations

import pytest
from django.urls import resolve, reverse


@pytest.mark.parametrize("service", ["chat", "team/chat", "Köln chat"])
def test_whatever_a_label_calls_a_service_has_an_address(service: str) -> None:
    found = resolve(reverse("slo", args=[service, "ttft"]).replace("K%C3%B6ln%20", "Köln "))
    assert (found.url_name, found.kwargs) == ("slo", {"service": service, "slug": "ttft"})
    found = resolve(reverse("slo_backtest", args=[service, "ttft"]).replace("K%C3%B6ln%20", "Köln "))
    assert (found.url_name, found.kwargs) == ("slo_backtest", {"service": service, "slug": "ttft"})
