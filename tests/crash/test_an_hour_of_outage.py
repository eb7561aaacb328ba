"""A pager that answers 429, 500, hangs or resets for an hour: a virtual clock, a real receiver, a real connection."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from incidents.paging import services as paging
from incidents.paging.endpoints import services as endpoints
from incidents.paging.endpoints.services import Entered
from incidents.paging.models import Page
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import outbound, permissions
from tests import factories
from tests.factories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]
HOUR, STEP = timedelta(hours=1), timedelta(seconds=30)
#: A real second a try would be half an hour of them.
PATIENCE_SECONDS = 0.05


class Receiver:
    """Takes what is posted, and answers by `fault`; what it could read is in `took`."""

    def __init__(self) -> None:
        self.fault = ""
        self.url = ""
        self.took: list[tuple[str, dict[str, Any]]] = []
        self.released = threading.Event()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if kept.fault == "resets":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if kept.fault in {"", "hangs"}:
                kept.took.append((self.path, body))
            if kept.fault == "hangs":
                kept.released.wait(PATIENCE_SECONDS * 4)
            self.send_response({"429": 429, "500": 500}.get(kept.fault, 200))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # it was reset, or the sender has hung up
                super().handle()

        def finish(self) -> None:
            with contextlib.suppress(OSError):
                super().finish()

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield kept
    finally:
        kept.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def page_two(receiver: Receiver) -> None:
    """An incident that goes to Ana's webhook, then to Ben's chat, twice over, both at this receiver."""
    organisation = factories.make_organisation("acme")
    ana, ben = (factories.make_user(organisation, username=name) for name in ("ana", "ben"))
    system = permissions.system(organisation)
    hook = Entered(kind="webhook", name="Hook", user=ana, url=f"{receiver.url}hook")
    chat = Entered(kind="slack", name="Chat", user=ben, secret=f"{receiver.url}chat")
    for entered in (hook, chat):
        endpoints.add(organisation=organisation, entered=entered, actor=system, now=NOW)
    factories.make_policy(organisation, ana, ben, repeats=1)
    response.page(incident=factories.make_incident(factories.make_service(organisation)), now=NOW)


def an_hour(receiver: Receiver, fault: str) -> None:
    """Broken for an hour, then a quarter of one well."""

    def transport(*, timeout_seconds: float = 10.0, **given: Any) -> outbound.Answer:
        return outbound.post(timeout_seconds=PATIENCE_SECONDS, **given)

    receiver.fault, now = fault, NOW
    while now <= NOW + 1.25 * HOUR:
        if now == NOW + HOUR:
            receiver.fault = ""
        paging.escalate_due(now=now)
        paging.deliver_due(now=now, transport=transport)
        if now.minute % 5 == 0:
            paging.audit_pages(now=now)
        now += STEP


@pytest.mark.parametrize("fault", ["429", "500", "resets", "hangs"])
def test_an_hour_of_it_loses_no_page_and_doubles_none_unmarked(receiver: Receiver, fault: str) -> None:
    page_two(receiver)
    an_hour(receiver, fault)
    assert not Page.objects.filter(state=Page.State.PENDING).exists()
    assert Incident.objects.count() == 1
    hook = [one for path, one in receiver.took if path == "/hook"]
    chat = [json.dumps(one) for path, one in receiver.took if path == "/chat"]
    assert hook
    assert chat
    assert {one["dedup_key"] for one in hook} == {"tailwatch-acme-INC-1"}
    for page in {one["page"] for one in hook}:
        copies = [one["repeated"] for one in hook if one["page"] == page]
        assert all(copies[1:])  # each after the first says so
        assert fault == "hangs" or len(copies) == 1
    pages = Page.objects.filter(endpoint__kind="slack", attempts__gt=0).count()
    marked = sum("a copy" in text for text in chat)
    assert len(chat) - marked <= pages
    assert marked <= pages  # it folds nothing: one copy more at most
