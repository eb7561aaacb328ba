"""Server-sent events out of bytes that may be split anywhere. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html: fields by line, an empty line ends an event; CR, LF and CRLF end
a line. Only `data` matters here.
"""

from __future__ import annotations

LIMIT_BYTES = 1_000_000  # of one event; an OpenAI chunk has a few hundred


class BrokenStream(ValueError):
    pass


class Decoder:
    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The data of each event that is complete now."""
        self._rest += chunk
        if len(self._rest) > LIMIT_BYTES:
            raise BrokenStream(f"an event of more than {LIMIT_BYTES} bytes")
        # A CR at the end may be the first half of a CRLF: it waits for the next byte.
        held = b"\r" if self._rest.endswith(b"\r") else b""
        text = self._rest[: len(self._rest) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        self._rest = rest + held
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> str | None:
        if not line:
            event = "\n".join(self._data) if self._data else None
            self._data.clear()
            return event
        name, _, value = line.partition(b":")
        if name == b"data":
            try:
                self._data.append(value.removeprefix(b" ").decode("utf-8"))
            except UnicodeDecodeError:
                raise BrokenStream("data that is not UTF-8") from None
        return None
