"""Nothing is wrong, and nobody is woken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from incidents.response.models import Incident
from sloengine.budgets.models import Finding

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


def test_two_healthy_hours_open_nothing_and_wake_nobody(world, pager):
    world.advance(timedelta(hours=2))
    assert list(Finding.objects.exclude(severity="info").values_list("fingerprint", "reason")) == []
    assert not Incident.objects.exists()
    assert pager.messages == []
