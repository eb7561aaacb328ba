from __future__ import annotations

import inspect

import pytest
from django.utils.module_loading import import_string

from observability.celery import BEAT, FAST, SLOW, app
from observability.core import questions


@pytest.mark.parametrize("beat", BEAT, ids=lambda beat: beat.task)
def test_every_beat_names_a_task_and_a_service_that_takes_now(beat):
    task, service = import_string(beat.task), import_string(beat.service)
    assert task.name == beat.task
    parameters = inspect.signature(service).parameters
    assert parameters["now"].kind is inspect.Parameter.KEYWORD_ONLY
    assert [p.name for p in parameters.values() if p.default is p.empty] == ["now"]


def test_each_entry_goes_to_its_queue_and_expires_before_messages_pile_up():
    schedule = app.conf.beat_schedule
    for beat in BEAT:
        assert beat.options["queue"] == beat.queue
        assert beat.options["expires"] <= max(beat.every_seconds, 5)
        assert beat.asks or schedule[beat.task]["options"] == beat.options
    assert {entry["options"]["queue"] for entry in schedule.values()} == {FAST, SLOW}


def test_what_becomes_a_page_is_asked_every_second_in_the_order_of_the_way():
    every_second = [beat.verb for beat in BEAT if beat.every_seconds == 1]
    assert every_second == ["collect_due", "evaluate_due", "pull_findings", "run_due", "escalate_due", "deliver_due"]


def test_what_has_a_question_is_asked_with_the_others_each_second_and_sent_where_it_holds():
    schedule = app.conf.beat_schedule
    for beat in BEAT:
        assert (questions.question_of(import_string(beat.service)) is not None) == beat.asks
        assert (beat.task in schedule) != beat.asks
    for queue in (FAST, SLOW):
        asking = schedule[f"ask {queue}"]
        assert import_string(asking["task"]).name == asking["task"]
        assert (asking["schedule"], asking["options"]["queue"]) == (1, queue)


def test_celery_carries_no_truth():
    assert app.conf.task_ignore_result is True
    assert app.conf.task_acks_late is False
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_connection_max_retries is None
