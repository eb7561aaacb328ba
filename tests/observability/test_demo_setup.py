"""What the demo has beside its fleet: every page has something to show, and nothing of it reaches outside."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from incidents.actions import queries
from incidents.alerts import services as placing
from incidents.alerts.models import Alert
from incidents.maintenance.models import Maintenance
from incidents.oncall.models import EscalationPolicy, Swap
from incidents.oncall.queries import rota
from incidents.paging.models import PagerEndpoint
from incidents.response.models import Incident
from incidents.silences.models import Silence
from observability import demo_setup
from sloengine.catalog.models import Service
from sloengine.cost.contracts.models import Contract
from sloengine.cost.tenantbudgets.models import SpendBudget
from tests import worlds


@pytest.fixture
def furnished(db: None, frozen_now: datetime) -> worlds.World:
    world = worlds.small_world(now=frozen_now)
    worlds.furnish(world, now=frozen_now)
    return world


def test_somebody_is_on_call_for_weeks_and_an_override_and_a_swap_are_ahead(
    furnished: worlds.World, frozen_now: datetime
) -> None:
    (schedule, shift), *_ = rota.now_on_call(organisation=furnished.organisation, at=frozen_now)
    assert schedule.name == demo_setup.ROTA
    assert shift is not None
    end = frozen_now + timedelta(days=21)
    shifts = rota.plan(schedule=schedule, start=frozen_now, end=end).shifts(start=frozen_now, end=end)
    assert all(one.people for one in shifts)
    assert len({one.people for one in shifts}) == 3
    assert schedule.overrides.count() == 1
    assert Swap.objects.get().asker != shift.people[0]
    policy = EscalationPolicy.objects.get(is_default=True)
    assert policy.steps.count() == 2


def test_what_comes_in_is_silenced_dropped_or_known_and_opens_no_incident(
    furnished: worlds.World, frozen_now: datetime
) -> None:
    placing.place_due(now=frozen_now)
    alerts = {alert.labels["alertname"]: alert for alert in Alert.objects.exclude(integration=None)}
    assert set(alerts) == {"NodeDiskFilling", "Watchdog", "PodRestarts"}
    assert alerts["NodeDiskFilling"].told == "muted"
    assert Incident.objects.filter(state="open").count() == 1  # the small world's own
    assert Silence.objects.get().ends_at > frozen_now
    assert Maintenance.objects.get().starts_at > frozen_now


def test_no_pager_that_would_reach_outside_is_ready(furnished: worlds.World) -> None:
    assert not [one for one in PagerEndpoint.objects.exclude(kind="demo") if one.ready]
    assert PagerEndpoint.objects.values("kind").distinct().count() == 4


def test_every_action_of_the_gateway_is_bound_once_and_needs_an_approval(
    furnished: worlds.World, frozen_now: datetime
) -> None:
    organisation = furnished.organisation
    for config in ("chat", "code", "batch"):
        Service.objects.get_or_create(organisation=organisation, slug=config, defaults={"name": config})
    for url in ("http://127.0.0.1:9850", "http://elsewhere.example"):
        demo_setup.bind_gateway(organisation=organisation, url=url, secret="s3cret", now=frozen_now)
    document = queries.document(organisation_id=organisation.pk)
    assert document.executors["gateway"].settings["url"] == "http://127.0.0.1:9850/control/{service}"
    assert {one.service for one in document.bindings} == {"chat", "code", "batch"}
    assert {one.approvals for one in document.bindings} == {1}
    assert queries.switch(organisation_id=organisation.pk).enabled


def test_a_contract_and_two_budgets_are_watched_and_none_opens_an_incident(
    furnished: worlds.World, frozen_now: datetime
) -> None:
    contract = Contract.objects.get(organisation=furnished.organisation)
    assert contract.standing["tokens"] == contract.carried_tokens > 0
    assert contract.standing["kind"] == "ok"
    assert SpendBudget.objects.filter(organisation=furnished.organisation).count() == 2
    assert not Incident.objects.filter(title__startswith="Cost review").exists()
