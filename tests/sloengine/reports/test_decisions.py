"""Reports say what was attained with and without exclusions, what was adjusted, and who decided it."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client

from observability.core import clock, permissions
from observability.core.models import Role
from observability.core.services import default_organisation
from sloengine.backtests.track import Judged
from sloengine.budgets.exclusions import services as exclusions
from sloengine.budgets.exclusions.calendar import Rule
from sloengine.objectives import services as objectives
from sloengine.objectives.models import Objective
from sloengine.objectives.texts import Document
from sloengine.reports import queries
from sloengine.reports.period import mean_of_ratios, parse
from tests import factories
from tests.conftest import NOW
from tests.sloengine.backtests.test_counted import WHOLE
from tests.sloengine.budgets.world import START, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    """Three good minutes and seven of which half fails; the last four were a load test, and half of the budget was given back."""
    world = World(organisation=default_organisation())
    world.apply_library()
    world.minutes(3, good=100)
    world.minutes(7, good=50, failed=50)
    actor = permissions.system(world.organisation)
    exclusions.exclude(
        organisation=world.organisation, rule=Rule(START + timedelta(minutes=6), timedelta(minutes=4)), service=world.service,
        reason="[load] test", actor=actor, now=world.now,
    )  # fmt: skip
    row = Objective.objects.get(slug="availability")
    exclusions.adjust(
        objective=row,
        ratio=Decimal("0.5"),
        reason="vendor",
        at=world.now - timedelta(minutes=1),
        actor=actor,
        now=world.now,
    )
    return world


def told(world, capsys, *more):
    with clock.frozen(world.now):
        call_command("slo", "report", *more)
    return capsys.readouterr().out


def availability(found):
    return next(one for one in found if one["objective"] == "availability")


def test_attainment_is_told_with_and_without_what_was_excluded_and_by_whom(world, capsys):
    row = availability(json.loads(told(world, capsys, "--json"))["objectives"])
    assert (row["bad"], row["total"], row["excluded_seconds"]) == (300, 1200, 240)
    assert row["attained_ratio"] == pytest.approx(0.75)
    assert row["attained_all_ratio"] == pytest.approx(0.65)
    assert row["spent_ratio"] == pytest.approx(300 / (0.005 * 1200) - 0.5)
    (left_out,) = row["exclusions"]
    assert (left_out["scope"], left_out["seconds"], left_out["reason"]) == ("all of chat", 240, "[load] test")
    (adjusted,) = row["adjustments"]
    assert (adjusted["ratio"], adjusted["reason"]) == ("0.500000", "vendor")
    assert left_out["by"] == adjusted["by"] == "system:tailwatch"


def test_every_format_names_the_decisions_once(world, capsys):
    text = told(world, capsys, "--format", "markdown")
    assert text.count("4 min of all of chat left out: [load] test (system:") == 1
    assert "+50 % of the budget of chat/availability: vendor (system:" in text
    line = availability(csv.DictReader(io.StringIO(told(world, capsys, "--format", "csv"))))
    assert float(line["attained_all_ratio"]) == pytest.approx(0.65)
    assert line["excluded_by"].startswith("system:")
    assert "[load] test" in told(world, capsys), "brackets are words here, not markup"


def test_an_old_exclusion_is_left_out_by_the_hour_as_history_is_kept(world):
    later = world.now + timedelta(days=5)
    period = parse("30d", now=later)
    (row,) = [
        one for one in queries.report(organisation=world.organisation, period=period, now=later)
        if one.objective == "availability"
    ]  # fmt: skip
    assert row.excluded_seconds == 3600
    assert [one.seconds for one in row.exclusions] == [3600]


def test_reports_over_rest_narrow_to_a_service_and_refuse_what_is_no_period(world):
    client = Client()
    client.force_login(factories.make_user(world.organisation, role=Role.VIEWER))
    with clock.frozen(world.now):
        whole = client.get("/api/v1/reports", {"service": "chat"}).json()
        assert availability(whole["objectives"])["attained_all_ratio"] == pytest.approx(0.65)
        assert whole["from"] < whole["to"]
        assert client.get("/api/v1/reports", {"service": "other"}).json()["objectives"] == []
        refused = client.get("/api/v1/reports", {"period": "soon"})
        assert (refused.status_code, "found period 'soon'" in refused.json()["detail"]) == (422, True)
        assert client.get("/api/v1/reports", {"zone": "Mars/North", "period": "2026"}).status_code == 422


def test_a_report_takes_as_many_statements_for_three_as_for_one(world, django_assert_max_num_queries):
    period = parse("30d", now=world.now)
    with django_assert_max_num_queries(20):
        assert len(queries.report(organisation=world.organisation, period=period, now=world.now)) > 3


def test_an_hour_kept_as_one_row_weighs_as_much_as_twelve_steps():
    at = NOW.timestamp() + np.array([0.0, 3600.0, *(3600.0 + 300 * np.arange(1, 13))])
    total = np.array([0.0, 1200.0, *(1200.0 + 100 * np.arange(1, 13))])
    good = np.array([0.0, 600.0, *(600.0 + 100 * np.arange(1, 13))])
    ratio = mean_of_ratios(Judged(at, good, total, at - at[0]), start=NOW, end=NOW + timedelta(hours=2))
    assert ratio == pytest.approx(0.75)


def test_a_composite_is_exposed_whatever_the_window_of_its_parts(world):
    document = Document("t", WHOLE.replace("30d", "7d"))
    actor = permissions.system(world.organisation)
    objectives.apply(organisation=world.organisation, documents=[document], actor=actor, now=world.now)
    lines = "".join(queries.exposed(organisation=world.organisation, service="chat", now=world.now)).splitlines()
    assert any(line.startswith("slo:sli_error:ratio_rate1h{") and 'sloth_slo="whole"' in line for line in lines)
