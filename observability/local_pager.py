"""A pager on this machine, for drills and scenarios: a real HTTP receiver that keeps what it was sent.

with LocalPager() as pager:
    ...                     # deliveries go to pager.url
    pager.messages          # parsed bodies, in order of arrival
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One POST as it came: headers with lower-case names, the raw body, and the body as JSON."""

    headers: dict[str, str]
    body: bytes
    message: dict[str, Any]


class LocalPager:
    """Answers 200 to every POST, or the statuses of `answers` in turn, then 200."""

    def __init__(self, answers: tuple[int, ...] = ()) -> None:
        self.received: list[Received] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(pager._take({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """What came is kept in `received`; nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket.listen(128)  # the standard 5 resets connections when 16 threads send at once
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/page"

    @property
    def messages(self) -> list[dict[str, Any]]:
        with self._lock:
            return [one.message for one in self.received]

    def _take(self, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self.received.append(Received(headers, body, json.loads(body)))
            return self._answers.pop(0) if self._answers else 200

    def __enter__(self) -> LocalPager:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
