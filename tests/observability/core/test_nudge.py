from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from observability.celery import app
from observability.core import claims, clock

TASK = "incidents.paging.tasks.deliver_due"


def broker(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("broker_url", "broker_read_url", "broker_write_url"):
        monkeypatch.setitem(app.conf, name, url)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    monkeypatch.setattr(claims, "_silent_until", None)


def waiting() -> list[str]:
    """The tasks that a worker would find, taken away."""
    found = []
    with app.connection_for_read() as connection, connection.channel() as channel:
        queue = app.amqp.queues["fast"].bind(channel)
        queue.declare()
        while (message := queue.get(no_ack=True)) is not None:
            found.append(message.headers["task"])
    return found


@pytest.mark.django_db
def test_a_nudge_is_heard_once_a_transaction_and_after_it(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, django_capture_on_commit_callbacks
) -> None:
    broker(monkeypatch, redis_url)
    with django_capture_on_commit_callbacks(execute=True):
        claims.nudge(TASK)
        claims.nudge(TASK)
        assert waiting() == []
    assert waiting() == [TASK]


@pytest.mark.django_db
def test_in_virtual_time_nobody_is_asked(django_capture_on_commit_callbacks) -> None:
    with clock.frozen(datetime(2026, 1, 5, tzinfo=UTC)), django_capture_on_commit_callbacks() as calls:
        claims.nudge(TASK)
    assert calls == []


@pytest.mark.django_db
def test_a_broker_that_is_down_costs_time_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks,
) -> None:
    broker(monkeypatch, f"redis+socket://{tmp_path}/nobody.sock")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                claims.nudge(TASK)
    assert caplog.text.count("beat will") == 1  # nor is it asked again at once
