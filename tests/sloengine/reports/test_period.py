"""Reports: which period, which figures, in which format."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from observability.core import clock
from observability.core.services import default_organisation
from sloengine.backtests.track import Judged, Vector
from sloengine.reports.period import mean_of_ratios, parse
from tests.sloengine.budgets.world import World

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "start", "end"),
    [
        ("30d", "UTC", "2026-10-18T10:00:00+00:00", "2026-11-17T10:00:00+00:00"),
        ("2026-10", "UTC", "2026-10-01T00:00:00+00:00", "2026-11-01T00:00:00+00:00"),
        ("2026-10", "Europe/Berlin", "2026-09-30T22:00:00+00:00", "2026-10-31T23:00:00+00:00"),
        ("2026-Q3", "UTC", "2026-07-01T00:00:00+00:00", "2026-10-01T00:00:00+00:00"),
        ("2026", "UTC", "2026-01-01T00:00:00+00:00", "2026-11-17T10:00:00+00:00"),
    ],
)
def test_a_period_by_its_name(text, zone, start, end):
    period = parse(text, now=NOW, zone=zone)
    assert (period.start.isoformat(), period.end.isoformat()) == (start, end)


@pytest.mark.parametrize("text", ["", "0d", "2026-13", "2027-01", "last month"])
def test_what_is_no_period_is_said(text):
    with pytest.raises(ValueError, match="found period"):
        parse(text, now=NOW)


def test_sloths_mean_weighs_a_night_as_much_as_a_day():
    at: Vector = NOW.timestamp() + 300.0 * np.arange(4, dtype=np.float64)
    counted = Judged(at, np.array([0.0, 1, 999, 999]), np.array([0.0, 2, 1000, 1000]), at - at[0])
    ratio = mean_of_ratios(counted, start=NOW, end=datetime.fromtimestamp(at[-1], UTC))
    assert ratio == pytest.approx(0.75)  # (1/2 + 998/998) / 2, and the step without traffic is left out
    assert pytest.approx(0.999) == 999 / 1000  # which is what a budget counts


@pytest.fixture
def world(db):
    world = World(organisation=default_organisation())
    world.apply_library()
    world.minutes(3, good=100)
    world.minutes(7, good=50, failed=50)
    return world


def told(world, capsys, *more):
    with clock.frozen(world.now):
        call_command("slo", "report", *more)
    return capsys.readouterr().out


def test_a_report_in_every_format(world, capsys):
    whole = json.loads(told(world, capsys, "--json", "--sloth-compat"))
    (row,) = [one for one in whole["objectives"] if one["objective"] == "availability"]
    assert (row["bad"], row["total"]) == (700, 2000)
    assert row["attained_ratio"] == pytest.approx(0.65)
    assert row["burn_rate"] == pytest.approx(70)
    assert row["sloth_compat_ratio"] is not None
    assert {one["tier"] for one in row["worst"]} == {"fast"}
    assert row["partial"]

    (line,) = [
        one
        for one in csv.DictReader(io.StringIO(told(world, capsys, "--format", "csv")))
        if one["objective"] == "availability"
    ]
    assert float(line["attained_ratio"]) == pytest.approx(0.65)

    text = told(world, capsys, "--format", "markdown", "--period", "2026-11")
    assert "## Exclusions" not in text
    assert text.startswith("# Service levels, 2026-11\n")
    assert "| chat | availability | burning | 99.5 % | 65 % |" in text
    assert "## Worst episodes" in text

    assert "availability" in told(world, capsys)
    with pytest.raises(CommandError, match="found period"):
        told(world, capsys, "--period", "soon")


def test_rules_are_exported_by_the_command(world, capsys):
    call_command("slo", "export", "--rules", "--service", "chat")
    assert "slo:sli_error:ratio_rate5m" in capsys.readouterr().out
