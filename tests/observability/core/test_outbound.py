from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from observability.core import outbound


class Server(ThreadingHTTPServer):
    seen: list[tuple[str, str, bytes]] = []


class Receiver(BaseHTTPRequestHandler):
    """Answers by path: /ok, /moved (a redirect to /ok), /hang (closes without an answer), /long (more than may be read)."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Server.seen.append((self.path, self.headers["Host"], body))
        if self.path == "/hang":
            self.close_connection = True
            return
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/ok")
        self.end_headers()
        self.wfile.write(b"x" * 200_000 if self.path == "/long" else json.dumps({"got": len(body)}).encode())

    def log_message(self, *_: object) -> None:
        """Tests read what was seen, not a log."""


@pytest.fixture
def receiver():
    server = Server(("127.0.0.1", 0), Receiver)
    Server.seen = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def post(server, path):
    return outbound.post(
        url=f"http://127.0.0.1:{server.server_port}{path}", body=b"{}", headers={"X-Page": "1"}, timeout_seconds=5
    )


@pytest.fixture
def _allowed(settings):
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]


@pytest.mark.usefixtures("_allowed")
def test_a_post_arrives_under_the_name_that_was_typed(receiver):
    answer = post(receiver, "/ok")
    assert (answer.status_code, json.loads(answer.body)) == (200, {"got": 2})
    assert Server.seen == [("/ok", f"127.0.0.1:{receiver.server_port}", b"{}")]


@pytest.mark.usefixtures("_allowed")
def test_a_redirect_is_reported_and_not_followed(receiver):
    assert post(receiver, "/moved").status_code == 302
    assert len(Server.seen) == 1


@pytest.mark.usefixtures("_allowed")
def test_an_answer_is_read_up_to_a_limit(receiver):
    assert len(post(receiver, "/long").body) == outbound.LONGEST_ANSWER_BYTES


@pytest.mark.usefixtures("_allowed")
def test_a_request_without_an_answer_may_have_arrived(receiver):
    with pytest.raises(outbound.OutboundError) as failure:
        post(receiver, "/hang")
    assert (failure.value.permanent, failure.value.sent) == (False, True)


@pytest.mark.usefixtures("_allowed")
def test_a_closed_port_was_never_reached():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, and not listening
        url = f"http://127.0.0.1:{held.getsockname()[1]}/"
        with pytest.raises(outbound.OutboundError) as failure:
            outbound.post(url=url, body=b"", headers={})
    assert (failure.value.permanent, failure.value.sent) == (False, False)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://10.0.0.7/", "http://169.254.169.254/latest", "http://[::1]/"]
)
def test_private_addresses_are_refused_and_the_setting_is_named(url):
    with pytest.raises(outbound.OutboundError, match="TAILWATCH_ALLOW_PRIVATE_OUTBOUND") as refusal:
        outbound.checked_address(url)
    assert (refusal.value.permanent, refusal.value.sent) == (True, False)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "pager", "http://"])
def test_only_http_addresses_are_taken(url):
    with pytest.raises(outbound.OutboundError, match="http://"):
        outbound.checked_address(url)
