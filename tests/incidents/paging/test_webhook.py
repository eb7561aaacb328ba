"""The generic webhook against receivers that misbehave: what is known afterwards about whether the page arrived."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from incidents.paging.pagers import base
from incidents.paging.retry import Outcome
from observability.core import outbound

pytestmark = pytest.mark.usefixtures("loopback")


@contextlib.contextmanager
def receiver(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes one connection, reads the request and does `answer`; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        thread.join()
        listener.close()


def sent_to(answer: Callable[[socket.socket], None], timeout_seconds: float = 5.0) -> Outcome:
    with receiver(answer) as url:
        return base.post(transport=outbound.post, url=url, body=b"", headers={}, timeout_seconds=timeout_seconds)


def says(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


def test_an_accepted_page_has_no_error() -> None:
    outcome = sent_to(says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"))
    assert (outcome.accepted, outcome.arrived, outcome.error) == (True, True, "")


def test_what_a_receiver_answers_is_kept_short_and_on_one_line() -> None:
    body = b"<h1>\r\nbroken " + b"x" * 5000 + b"\xff"
    outcome = sent_to(says(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    assert outcome.error.startswith("answered 500: <h1> broken xxx")
    assert len(outcome.error) < 250
    assert not outcome.permanent


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"7", 7.0),
        (b"Wed, 21 Oct 2026 07:28:00 GMT\r\nDate: Wed, 21 Oct 2026 07:27:15 GMT", 45.0),
        (b"Wed, 21 Oct 2026 07:28:00 GMT\r\nDate: Wed, 21 Oct 2026 07:29:00 GMT", 0.0),
        (b"Wed, 21 Oct 2026 07:28:00 GMT", None),
        (b"soon", None),
        (b"-1", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(header: bytes, seconds: float | None) -> None:
    text = b"HTTP/1.1 429 Slow\r\nRetry-After: " + header + b"\r\nContent-Length: 0\r\n\r\n"
    assert sent_to(says(text)).retry_after_seconds == seconds


def test_redirects_are_not_followed() -> None:
    outcome = sent_to(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    assert (outcome.status_code, outcome.permanent) == (302, True)


def test_a_connection_that_is_cut_after_the_request_may_have_brought_it() -> None:
    outcome = sent_to(lambda connection: connection.close())
    assert (outcome.status_code, outcome.permanent, outcome.arrived) == (None, False, None)


def test_a_receiver_that_hangs_may_have_it() -> None:
    released = threading.Event()

    def hang(connection: socket.socket) -> None:
        released.wait(5)

    with receiver(hang) as url:
        outcome = base.post(transport=outbound.post, url=url, body=b"", headers={}, timeout_seconds=0.2)
        released.set()
    assert (outcome.status_code, outcome.permanent, outcome.arrived) == (None, False, None)


def test_a_body_that_drips_for_ever_holds_nobody_up() -> None:
    enough = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not enough.wait(0.02):
            connection.sendall(b"1\r\nx\r\n")

    with receiver(drip) as url:
        outcome = base.post(transport=outbound.post, url=url, body=b"", headers={}, timeout_seconds=0.3)
        enough.set()
    assert outcome.accepted


def test_headers_that_drip_for_ever_hold_nobody_up() -> None:
    enough = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not enough.wait(0.02):
            connection.sendall(b"X: 1\r\n")

    with receiver(drip) as url:
        began = time.perf_counter()
        outcome = base.post(transport=outbound.post, url=url, body=b"", headers={}, timeout_seconds=0.2)
        enough.set()
    assert time.perf_counter() - began < 3
    assert (outcome.status_code, outcome.permanent, outcome.arrived) == (None, False, None)


def test_a_status_whose_body_never_comes_is_an_answer_and_no_second_page() -> None:
    outcome = sent_to(says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
    assert outcome.accepted


def test_nobody_listens_so_it_has_not_arrived() -> None:
    outcome = base.post(transport=outbound.post, url="http://127.0.0.1:9/", body=b"", headers={}, timeout_seconds=5)
    assert (outcome.status_code, outcome.permanent, outcome.arrived) == (None, False, False)


def test_what_is_no_address_is_refused_for_good() -> None:
    outcome = base.post(transport=outbound.post, url="ftp://x", body=b"", headers={}, timeout_seconds=5)
    assert (outcome.permanent, outcome.arrived) == (True, False)
