"""A Prometheus that hangs, or is busy, when a test wants it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class Stub(ThreadingHTTPServer):
    """Answers 1 to each query but plain selectors, to which it has no series. What is in `hangs` waits for `may_answer`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.may_answer, self.was_asked = threading.Event(), threading.Event()
        self.hangs: set[str] = {"series", "queries"}
        self.busy: set[str] = set()
        self.asked: list[str] = []  #: queries; plain selectors as "series"
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        (text,) = form["query"]
        text = "series" if text.startswith("{") else text
        self.server.asked.append(text)
        self.server.paths.append(self.path.rpartition("/")[2])
        self.server.was_asked.set()
        if ("series" if text == "series" else "queries") in self.server.hangs:
            self.server.may_answer.wait(10)
        busy = text in self.server.busy
        self.send_response(503 if busy else 200)
        self.end_headers()
        told = {"status": "error", "error": "overloaded"} if busy else {"status": "success", "data": _data(form, text)}
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _data(form: dict[str, list[str]], text: str) -> dict[str, object]:
    if "step" not in form:
        row = {"metric": {"pod": "a"}, "value": [float(form["time"][0]), "1"]}
        return {"resultType": "vector", "result": [] if text == "series" else [row]}
    start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
    values = [[start + step * number, "1"] for number in range(int((end - start) / step) + 1)]
    return {"resultType": "matrix", "result": [] if text == "series" else [{"metric": {"pod": "a"}, "values": values}]}


@contextmanager
def serving() -> Iterator[Stub]:
    with Stub() as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.may_answer.set()
            server.shutdown()
            thread.join()
