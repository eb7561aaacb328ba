from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.silences.services import run_silences
from observability import tasks
from observability.celery import BEAT, FAST, app
from observability.core import prepared, questions
from observability.core.models import Organisation
from observability.core.questions import Question
from observability.rounds import Round
from sloengine.collect.models import MetricSource
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ASKING = [beat for beat in BEAT if beat.asks]


def test_an_idle_round_is_one_statement():
    one = Round(ASKING)
    one.play(now=NOW)  # what is known of cursors is read once
    with CaptureQueriesContext(
        connection,
    ) as asked:
        one.play(now=NOW + timedelta(seconds=60))
    assert len(asked) == 1


def test_only_what_has_something_to_do_is_sent(monkeypatch):
    sent = []
    monkeypatch.setattr(app, "send_task", lambda name, **options: sent.append((name, options["queue"])))
    tasks._round.cache_clear()
    tasks.ask_fast()
    sent.clear()
    organisation = factories.make_organisation()
    MetricSource.objects.create(organisation=organisation, name="a", kind="scrape", url="http://127.0.0.1:1/metrics")
    tasks._round.cache_clear()
    tasks.ask_fast()
    tasks._round.cache_clear()
    assert sent == [("sloengine.collect.tasks.collect_due", FAST), ("sloengine.budgets.tasks.evaluate_due", FAST)]


def test_a_period_that_has_not_come_is_not_asked_and_a_clock_set_back_asks_all():
    slow = [beat for beat in ASKING if beat.every_seconds == 15]
    one = Round(slow)
    assert one._come(NOW) == slow
    assert one._come(NOW + timedelta(seconds=14)) == []
    assert one._come(NOW + timedelta(seconds=15)) == slow
    assert one._come(NOW - timedelta(hours=1)) == slow


def test_who_worked_makes_those_after_it_be_asked_again(monkeypatch):
    beats = [beat for beat in BEAT if beat.verb in ("run_silences", "run_maintenance", "wake_due")]
    one, played = Round(beats), []
    holds = Question("(SELECT count(*) > 0 FROM core_organisation WHERE slug = 'made')")
    first, second, third = beats
    one._questions = {first: Question("true"), second: holds, third: Question("false")}
    one._services = {
        first: lambda *, now: factories.make_organisation("made"),
        second: lambda *, now: played.append(second),
        third: lambda *, now: played.append(third),
    }
    one.play(now=NOW)
    assert played == [second]


def test_a_service_that_asks_first_does_nothing_where_its_question_does_not_hold():
    with CaptureQueriesContext(connection) as asked:
        assert run_silences(now=NOW) == 0
    assert len(asked) == 1
    assert questions.unasked(run_silences) is not run_silences


def test_prepared_rows_are_those_of_the_orm():
    factories.make_organisation("acme")
    factories.make_organisation("beta")
    found = prepared.objects(Organisation, "WHERE slug = ANY(%s::text[]) ORDER BY slug", [["acme", "beta"]])
    assert found == list(Organisation.objects.filter(slug__in=["acme", "beta"]).order_by("slug"))
    source = MetricSource.objects.create(
        organisation=found[0], name="p", kind="prometheus", url="http://p", naming={"a": "b"}
    )
    (read,) = prepared.objects(MetricSource, "WHERE id = %s", [source.pk])
    assert (read.naming, read.enabled, read.last_tick, read._state.adding) == ({"a": "b"}, True, None, False)
    assert prepared.rows("UPDATE core_organisation SET name = %s WHERE slug = %s", ["Acme", "acme"]) == []
