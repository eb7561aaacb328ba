from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from incidents.drills.score import Question, Score, Step
from observability.drills import Drill
from observability.management.commands import gameday
from probes.simfleet.faults import BENIGN, FAULTS

ROOT = Path(__file__).parents[2]


@pytest.mark.heavy
def test_a_drill_on_the_command_line_ends_as_one_json_object():
    done = subprocess.run(
        [sys.executable, "manage.py", "gameday", "run", "decode-slowdown", "--virtual", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert list(found) == [
        "fault", "seed", "incidents", "detected_after_seconds", "paged_after_seconds", "path", "leaf", "runbook",
        "expected_leaf", "resolved_after_seconds",
    ]  # fmt: skip
    assert (found["incidents"], found["leaf"], found["expected_leaf"]) == (1, "decode-slowdown", "decode-slowdown")
    assert 0 < found["detected_after_seconds"] <= found["paged_after_seconds"] < found["resolved_after_seconds"]


def test_a_drill_shows_its_score_and_what_was_not_right(capsys):
    score = Score(answers={one: one is not Question.LEAF for one in Question}, seconds=dict.fromkeys(Step))
    gameday._show(Drill("stall", 1, 1, 30.0, 30.0, [], "decode-slow", "stall", "stall", 600.0, score))
    assert "5 of 6 right; not: leaf right" in capsys.readouterr().out
    assert "score" not in Drill("stall", 1, 0, None, None, [], None, None, "stall", None, score).as_json()


def test_the_list_names_every_fault(capsys):
    call_command("gameday", "list")
    shown = capsys.readouterr().out
    assert [name for name in [*FAULTS, *BENIGN] if name not in shown] == []


def test_a_drill_in_real_time_is_sent_to_the_page_that_starts_it():
    with pytest.raises(CommandError, match="add --virtual"):
        call_command("gameday", "run", "traffic-spike")


def test_a_benign_event_passes_where_nobody_is_woken():
    quiet = Drill("deploy", 1, 0, None, None, [], None, None, "", None)
    assert quiet.passed
    assert not replace(quiet, incidents=1, paged_after_seconds=90.0).passed


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({}, True),
        ({"incidents": 2}, False),
        ({"incidents": 0, "leaf": None}, False),
        ({"leaf": "unexplained"}, False),
        ({"paged_after_seconds": None}, False),
        ({"resolved_after_seconds": None}, False),
    ],
)
def test_a_drill_passes_with_one_incident_on_the_right_leaf_a_page_and_an_end(changed, passed):
    good = {
        "fault": "traffic-spike", "seed": 1, "incidents": 1, "detected_after_seconds": 30.0, "paged_after_seconds": 30.0,
        "path": ["slo_breach=yes"], "leaf": "traffic-spike", "runbook": "traffic-spike", "expected_leaf": "traffic-spike",
        "resolved_after_seconds": 1380.0,
    }  # fmt: skip
    assert Drill(**{**good, **changed}).passed is passed
