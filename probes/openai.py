"""The OpenAI API as a client sees it: a request's body, its streamed answer read chunk by chunk, the list of models. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from probes.canary import Completion
from probes.config import Canary, Prompt
from probes.sse import BrokenStream, Decoder

LIMIT_BYTES = 16_000_000  # of one answer; 4096 tokens have two


def request(canary: Canary, prompt: Prompt) -> tuple[str, dict[str, object]]:
    """URL and JSON body; temperature 0 and a fixed seed, so that answers can be compared."""
    body: dict[str, object] = {
        "model": canary.model,
        "max_tokens": canary.max_tokens,
        "temperature": 0,
        "seed": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if canary.api == "chat":
        return f"{canary.url}/v1/chat/completions", {**body, "messages": [{"role": "user", "content": prompt.text}]}
    return f"{canary.url}/v1/completions", {**body, "prompt": prompt.text}


def models(body: bytes) -> frozenset[str]:
    """The ids of a GET /v1/models document. Raises ValueError where it is none."""
    document = json.loads(body)
    cards = document.get("data") if isinstance(document, dict) else None
    if not isinstance(cards, list):
        raise ValueError("no list of models under data")
    return frozenset(str(card["id"]) for card in cards if isinstance(card, dict) and "id" in card)


def outcome_of_status(status: int) -> str:
    """429 is admission control's answer, 408 and 504 are timeouts; every other answer but 200 is an error, as in litellm.yaml."""
    if status == 200:
        return "ok"
    return {408: "timeout", 504: "timeout", 429: "rejected"}.get(status, "error")


class Reader:
    """One answer. `feed` takes bytes with the seconds since the request was sent; `completion` says what came of it."""

    def __init__(self) -> None:
        self._events = Decoder()
        self._text: list[str] = []
        self._tokens: list[float] = []
        self._counted: int | None = None
        self._finish: str | None = None
        self._end: float | None = None
        self._problem = ""
        self._bytes = 0
        self.done = False

    def feed(self, chunk: bytes, *, at: float) -> None:
        self._bytes += len(chunk)
        if self._bytes > LIMIT_BYTES:
            raise BrokenStream(f"an answer of more than {LIMIT_BYTES} bytes")
        for data in self._events.feed(chunk):
            if data.strip() == "[DONE]":
                self.done, self._end = True, at
            elif not self.done:
                self._chunk(data, at)

    def completion(self, *, outcome: str = "ok", detail: str = "") -> Completion:
        """A stream that ended without [DONE], or with an error in it, is an error: it broke after its 200."""
        if outcome == "ok" and (self._problem or not self.done):
            outcome, detail = "error", self._problem or "the stream ended before [DONE]"
        elif outcome == "ok" and self._finish == "abort":
            outcome, detail = "aborted", "finish_reason abort"
        return Completion(
            outcome=outcome,
            text="".join(self._text),
            token_seconds=tuple(self._tokens[: self._counted]),  # an empty last chunk is no token
            tokens=self._counted,
            end_seconds=self._end,
            finish_reason=self._finish,
            detail=detail,
        )

    def _chunk(self, data: str, at: float) -> None:
        try:
            document: Mapping[str, Any] = json.loads(data)
            if "error" in document:
                self._problem = f"error in the stream: {document['error']!r:.200}"
                return
            usage = document.get("usage")
            if usage:
                self._counted = int(usage["completion_tokens"])
            for choice in document.get("choices", ()):
                self._finish = choice.get("finish_reason") or self._finish
                text = _piece(choice)
                if text is not None:
                    self._text.append(text)
                    self._tokens.append(at)
        except (ValueError, AttributeError, KeyError, TypeError):
            raise BrokenStream(f"data that is no OpenAI chunk: {data:.80}") from None


def _piece(choice: Mapping[str, Any]) -> str | None:
    """The text of a chunk that brought a token; None for the opening delta, which only names the role, and for an empty last one.

    A token may have no text: half a character waits for its other half.
    """
    delta = choice.get("delta")
    if delta is None:
        return _text(choice.get("text"))
    for key in ("content", "reasoning_content", "reasoning"):
        if delta.get(key):
            return _text(delta[key])
    return None if "role" in delta else _text(delta.get("content"))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("text")
