"""`kill -9` of a worker in the middle of a page, and an emptied Redis: pages are delivered, and the receiver shows one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from incidents.paging import services as paging
from incidents.paging.models import Delivery, Page
from observability.core import clock
from observability.core.models import Heartbeat
from observability.local_pager import LocalPager
from observability.supervisor import processes
from tests import factories, servers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
PROJECT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 60.0

Start = Callable[..., subprocess.Popen[bytes]]


class HeldPager(LocalPager):
    """Keeps what it was sent and answers only when it is released."""

    def __enter__(self) -> HeldPager:
        super().__enter__()
        return self

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def _take(self, headers: dict[str, str], body: bytes) -> int:
        status = super()._take(headers, body)
        self.release.wait(PATIENCE_SECONDS)
        return status


@contextmanager
def celery(*words: str, broker: str, secret_key: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One Celery process as `up` starts it, over this test's database and broker."""
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": broker,
        "SECRET_KEY": secret_key,
        "TAILWATCH_ALLOW_PRIVATE_OUTBOUND": "127.0.0.1",
    }
    argv = [sys.executable, "-m", "celery", "-A", "observability.celery", "--quiet", "--skip-checks", *words]
    with log.open("ab") as output:
        process = processes.start(argv=argv, environment=environment, output=output, folder=PROJECT)
    try:
        yield process
    finally:
        processes.stop(process, grace_seconds=4)


@contextmanager
def worker(**given: object) -> Iterator[subprocess.Popen[bytes]]:
    lone = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    with celery("worker", "-n", "fast@%h", "-Q", "fast", "-c", "1", *lone, **given) as process:  # type: ignore[arg-type]
        yield process


@contextmanager
def beat(**given: object) -> Iterator[subprocess.Popen[bytes]]:
    words = ("--scheduler", "observability.supervisor.beat:MemoryScheduler", "--pidfile=", "--loglevel", "WARNING")
    with celery("beat", *words, **given) as process:  # type: ignore[arg-type]
        yield process


@pytest.fixture
def given(redis_url: str, settings, tmp_path: Path) -> dict[str, object]:
    return {"broker": redis_url, "secret_key": settings.SECRET_KEY, "log": tmp_path / "celery.log"}


def page_someone(url: str) -> Page:
    """An incident whose first step is due now, to one person with one pager."""
    organisation = factories.make_organisation()
    person = factories.make_user(organisation)
    factories.make_pager(person, organisation, url=url)
    factories.make_policy(organisation, person)
    now = clock.now()
    incident = factories.make_incident(factories.make_service(organisation), now=now)
    if not incident.pages.exists():
        paging.begin(incident=incident, now=now)
    return Page.objects.get()


def eventually(condition: Callable[[], bool], log: object) -> None:
    assert processes.wait_until(condition, timeout_seconds=PATIENCE_SECONDS, every_seconds=0.1), Path(
        str(log)
    ).read_text()


def is_sent() -> bool:
    return Page.objects.get().state == Page.State.SENT


def outcomes() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("outcome", flat=True))


def test_a_worker_killed_in_the_middle_of_a_page_loses_nothing(given: dict[str, object]) -> None:
    with HeldPager() as pager, beat(**given):
        page = page_someone(pager.url)
        with worker(**given) as first:
            eventually(lambda: len(pager.received) == 1, given["log"])
            processes.send(first, signal.SIGKILL)  # the whole group: the process that was sending, too
            first.wait(5)
        pager.release.set()
        # The dead worker's lease has 90 s to run; here they pass at once.
        assert (
            Page.objects.filter(lease_until__gt=clock.now()).update(lease_until=clock.now() - timedelta(seconds=1)) == 1
        )
        with worker(**given):
            eventually(is_sent, given["log"])
    assert outcomes() == [Delivery.Outcome.LOST, Delivery.Outcome.ACCEPTED]
    lost, repeated = pager.messages
    assert (lost["repeated"], repeated["repeated"]) == (False, True)
    assert {message["dedup_key"] for message in pager.messages} == {page.dedup_key}
    assert {message["page"] for message in pager.messages} == {page.pk}


def test_an_emptied_redis_delays_a_page_and_doubles_none(given: dict[str, object], redis_url: str) -> None:
    broker = redis.Redis(unix_socket_path=redis_url.removeprefix("redis+socket://"))
    with LocalPager() as pager, beat(**given):
        page = page_someone(pager.url)
        eventually(lambda: broker.llen("fast") > 0, given["log"])
        broker.flushall()
        with worker(**given):
            eventually(is_sent, given["log"])
            broker.flushall()
            # What beat says after the second loss is heard too, and sends nothing again.
            later = clock.now() + timedelta(seconds=1)
            eventually(Heartbeat.objects.filter(part="worker:fast", at__gt=later).exists, given["log"])
    broker.close()
    assert outcomes() == [Delivery.Outcome.ACCEPTED]
    assert [message["page"] for message in pager.messages] == [page.pk]


def test_a_redis_that_was_away_is_found_again(settings, tmp_path: Path) -> None:
    with servers.short_folder() as folder, LocalPager() as pager:
        given = {
            "broker": f"redis+socket://{folder / 'r.sock'}",
            "secret_key": settings.SECRET_KEY,
            "log": tmp_path / "celery.log",
        }
        with servers.redis(folder=folder) as url, beat(**given), worker(**given):
            broker = redis.Redis(unix_socket_path=url.removeprefix("redis+socket://"))
            eventually(lambda: broker.llen("fast") == 0 and broker.exists("_kombu.binding.fast") == 1, given["log"])
            broker.shutdown(nosave=True)
            broker.close()
            with servers.redis(folder=folder):
                page_someone(pager.url)
                eventually(is_sent, given["log"])
    assert outcomes() == [Delivery.Outcome.ACCEPTED]
    assert len(pager.received) == 1
