"""What comes over from other systems: the same people at the same hours, and a sentence for what has no equivalent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from incidents.oncall.importers import grafana, opsgenie, pagerduty
from incidents.oncall.importers.draft import ExportUnreadable, hours_between, rotation_unit, username
from incidents.oncall.models import EscalationPolicy, Schedule
from incidents.oncall.queries import plan
from incidents.oncall.queries.policies import read, with_steps
from incidents.oncall.services.imports import ImportReport, import_draft
from observability.core import permissions
from observability.core.models import AuditEntry, User
from observability.core.services import default_organisation
from tests import factories
from tests.factories import NOW
from tests.incidents.oncall.exports import GRAFANA, OPSGENIE, PAGERDUTY

pytestmark = pytest.mark.django_db


def bring(draft, *, dry: bool = False) -> ImportReport:
    acme = factories.make_organisation("acme")
    return import_draft(organisation=acme, draft=draft, actor=permissions.system(acme), now=NOW, dry=dry)


def who(slug: str, year: int, month: int, day: int, hour: int, minute: int = 0) -> tuple[str, ...]:
    moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
    shift = plan(schedule=Schedule.objects.get(slug=slug), start=moment, end=moment.replace(year=2027)).on_call(moment)
    return shift.people if shift is not None else ()


def steps(slug: str) -> list[tuple[str, int, bool]]:
    policy = read(with_steps(factories.make_organisation("acme")).get(slug=slug))
    return [(step.label, step.after_seconds, step.round_robin) for step in policy.steps]


def test_grafana_oncall() -> None:
    report = bring(grafana.read(GRAFANA))
    assert report.users_made == ("ana", "ben", "cleo")
    # Week 47 of 2026 began Monday 16 November 09:00 in Paris: 45 weeks after the first, which was Ben's.
    assert who("primary", 2026, 11, 17, 20) == ("ana",)
    assert who("primary", 2026, 11, 23, 20) == ("ben",)
    assert who("primary", 2026, 11, 18, 10) == ("cleo",)
    assert who("primary", 2026, 11, 21, 10) == ("ana",)  # Saturday: no office
    assert who("primary", 2026, 11, 20, 19, 30) == ("ben",)  # the single event, 20:00 in Paris
    assert steps("default") == [("Primary", 900, False), ("Ana and ben", 0, True)]
    assert report.lost == (
        "schedule Primary: shift S9 is not in the export",
        "schedule Primary: ical_url_overrides https://calendar.example/x.ics; import the calendar with `oncall ical`",
        "chain default: a step of type trigger_webhook has no equivalent here",
    )
    assert EscalationPolicy.objects.get().repeats == 5


def test_opsgenie() -> None:
    report = bring(opsgenie.read(OPSGENIE))
    assert who("serving", 2026, 11, 18, 12) == ("ana",)
    assert who("serving", 2026, 11, 20, 22, 59) == ("ana",)
    assert who("serving", 2026, 11, 20, 23) == ("ben",)  # Friday 17:00 in Chicago
    assert who("serving", 2026, 11, 23, 14, 59) == ("ben",)  # until Monday 09:00
    assert who("serving", 2026, 11, 23, 15) == ("ana",)
    assert steps("serving_escalation") == [("Serving", 600, False), ("Ben K", 600, False)]
    assert report.lost == (
        "schedule Serving, rotation week: participant of type none is left out",
        "escalation Serving_escalation: rule 2 tells next only; here it tells who is on call",
        "escalation Serving_escalation: a rule that tells a team has no equivalent here",
    )


def test_pagerduty() -> None:
    report = bring(pagerduty.read(PAGERDUTY))
    assert [who("primary", 2026, 11, 17, hour) for hour in (12, 21, 22)] == [("ben",), ("ben",), ("ben",)]
    assert who("primary", 2026, 11, 24, 12) == ("ana",)
    assert who("primary", 2026, 11, 24, 22) == ("ben",)  # nights are the higher layer
    assert steps("default") == [("Primary", 900, False), ("Ana M and Ben K", 1800, True)]
    assert report.lost == ("schedule Primary, layer odd: a turn of 1000 s with 1 people is left out",)
    assert Schedule.objects.get().overrides.get().username == "ana"


def test_a_dry_run_says_the_same_and_keeps_nothing() -> None:
    draft = grafana.read(GRAFANA)
    dry = bring(draft, dry=True)
    assert not Schedule.objects.exists()
    assert not User.objects.filter(username="cleo").exists()
    assert not AuditEntry.objects.filter(verb="make_schedule").exists()
    real = bring(draft)
    assert (dry.users_made, dry.schedules, dry.policies, dry.lost) == (
        real.users_made, real.schedules, real.policies, real.lost,
    )  # fmt: skip


def test_people_who_are_here_are_recognised_and_a_second_import_makes_nothing_twice() -> None:
    acme = factories.make_organisation("acme")
    ana = factories.make_user(acme, username="a.m")
    User.objects.filter(pk=ana.pk).update(email="ANA@example.org")
    for _ in range(2):
        report = bring(pagerduty.read(PAGERDUTY))
    assert (report.users_made, report.users_found) == ((), ("a.m", "ben"))
    assert who("primary", 2026, 11, 24, 12) == ("a.m",)
    assert (Schedule.objects.count(), EscalationPolicy.objects.count()) == (1, 1)


@pytest.mark.parametrize("reader", [grafana.read, opsgenie.read, pagerduty.read])
def test_another_file_is_refused_in_words(reader: Callable[..., object]) -> None:
    with pytest.raises(ExportUnreadable, match='people under "users"'):
        reader({"hello": []})


def test_the_command_prints_the_report(tmp_path, capsys, frozen_now) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(OPSGENIE))
    call_command("oncall", "import", "opsgenie", str(file), "--dry-run")
    said = capsys.readouterr().out
    assert "Dry run, nothing is kept." in said
    assert "no equivalent here: 3" in said
    assert not Schedule.objects.exists()
    call_command("oncall", "import", "opsgenie", str(file))
    call_command("oncall", "who", "--at", "2026-11-20T17:00-06:00")
    assert "serving: ben" in capsys.readouterr().out
    assert default_organisation().schedules.count() == 1
    file.write_text("[]")
    with pytest.raises(CommandError, match="nothing was imported"):
        call_command("oncall", "import", "opsgenie", str(file))


def test_a_schedule_may_come_from_a_file(tmp_path, capsys, frozen_now) -> None:
    factories.make_user(default_organisation(), username="dana")
    file = tmp_path / "primary.yaml"
    file.write_text("zone: UTC\nlayers:\n  - {name: all, starts: 2026-01-05T09:00, members: [{people: [dana]}]}\n")
    call_command("oncall", "schedule", "primary", str(file))
    call_command("oncall", "who")
    assert "primary: dana" in capsys.readouterr().out
    file.write_text("zone: Mars\nlayers: []\n")
    with pytest.raises(CommandError, match="zone: 'Mars' is no time zone"):
        call_command("oncall", "schedule", "primary", str(file))


def test_small_conversions() -> None:
    assert [rotation_unit(seconds) for seconds in (604_800, 172_800, 43_200, 1_000, 0)] == [
        ("weekly", 1), ("daily", 2), ("hourly", 12), None, None,
    ]  # fmt: skip
    assert (hours_between("22:00", "06:00"), hours_between("09:00", "17:00")) == (("22:00", 480), ("09:00", 480))
    assert username(given="", email="ana@x.org", taken=["ana"]) == "ana2"
