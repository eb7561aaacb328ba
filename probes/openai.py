"""The OpenAI API as a client sees it: a request's body, its streamed answer read chunk by chunk, the list of models. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from probes.canary import Completion
from probes.config import Canary
from probes.prompts import Prompt
from probes.sse import BrokenStream, Decoder

LIMIT_BYTES = 16_000_000  # of one answer; 4096 tokens have two
TAG = "tailwatch-canary"  # header, and `user` of the body: gateways and logs tell canaries apart by it
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")
_PASSAGE = ("content", "text", "page_content", "snippet")


def request(canary: Canary, prompt: Prompt, *, nonce: str = "") -> tuple[str, dict[str, object]]:
    """URL and JSON body; temperature 0 and a fixed seed, so that answers can be compared.

    The nonce stands before the prompt: a prefix cache that knows the rest finds nothing.
    """
    text = f"[{nonce}] {prompt.text}" if prompt.nonce and nonce else prompt.text
    body: dict[str, object] = {
        "model": canary.model,
        "max_tokens": canary.max_tokens,
        "temperature": 0,
        "seed": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": TAG,
    }
    if canary.api == "chat":
        body["messages"] = [{"role": "user", "content": text}]
        if prompt.tools:
            body["tools"] = json.loads(prompt.tools)
        return f"{canary.url}/v1/chat/completions", body
    return f"{canary.url}/v1/completions", {**body, "prompt": text}


def models(body: bytes) -> frozenset[str]:
    """The ids of a GET /v1/models document. Raises ValueError where it is none."""
    document = json.loads(body)
    cards = document.get("data") if isinstance(document, dict) else None
    if not isinstance(cards, list):
        raise ValueError("no list of models under data")
    return frozenset(str(card["id"]) for card in cards if isinstance(card, dict) and "id" in card)


def of_status(status: int) -> tuple[str, str]:
    """Outcome and reason: 429 is admission control's answer, 408 and 504 are timeouts, all others but 200 errors, as in litellm.yaml.

    A redirect is an error: who follows it measures another endpoint, and may carry the key there.
    """
    if 300 <= status < 400:
        return "error", "redirect"
    known = {200: ("ok", ""), 408: ("timeout", "status"), 504: ("timeout", "status"), 429: ("rejected", "status")}
    return known.get(status, ("error", "status"))


class Reader:
    """One answer. `feed` takes bytes with the seconds since the request was sent; `completion` says what came of it."""

    def __init__(self, *, passages_path: str = "") -> None:
        self._events = Decoder()
        self._text: list[str] = []
        self._calls: dict[int, list[str]] = {}  # of tools: name, then the pieces of its arguments
        self._tokens: list[float] = []
        self._counted: int | None = None
        self._prompt_tokens: int | None = None
        self._finish: str | None = None
        self._end: float | None = None
        self._problem = ""
        self._bytes = 0
        self._steps = [name or int(index) for name, index in _STEP.findall(passages_path)]
        self._passages: list[str] | None = [] if passages_path else None
        self.done = False

    @property
    def begun(self) -> bool:
        """Whether a part of the answer has come."""
        return self._bytes > 0

    def feed(self, chunk: bytes, *, at: float) -> None:
        self._bytes += len(chunk)
        if self._bytes > LIMIT_BYTES:
            raise BrokenStream(f"an answer of more than {LIMIT_BYTES} bytes")
        for data in self._events.feed(chunk):
            if data.strip() == "[DONE]":
                self.done, self._end = True, at
            elif not self.done:
                self._chunk(data, at)

    def completion(self, *, outcome: str = "ok", reason: str = "", detail: str = "") -> Completion:
        """A stream that ended without [DONE], or with an error in it, is an error: it broke after its 200."""
        if outcome == "ok" and self._problem:
            outcome, reason, detail = "error", "stream_error", self._problem
        elif outcome == "ok" and not self.done:
            outcome, reason, detail = "error", "stream_ended", "the stream ended before [DONE]"
        elif outcome == "ok" and self._finish == "abort":
            outcome, reason, detail = "aborted", "aborted", "finish_reason abort"
        return Completion(
            outcome=outcome,
            text="".join(self._text) or self._called(),
            token_seconds=tuple(self._tokens[: self._counted]),  # an empty last chunk is no token
            tokens=self._counted,
            prompt_tokens=self._prompt_tokens,
            end_seconds=self._end,
            finish_reason=self._finish,
            reason=reason,
            detail=detail,
            retrieved=None if self._passages is None else tuple(self._passages),
        )

    def _called(self) -> str:
        """Tool calls as JSON, the arguments of one alone as they came: what a schema assertion reads."""
        calls = [(call[0], "".join(call[1:])) for _, call in sorted(self._calls.items())]
        if len(calls) == 1:
            return calls[0][1]
        return json.dumps([{"name": name, "arguments": arguments} for name, arguments in calls]) if calls else ""

    def _chunk(self, data: str, at: float) -> None:
        try:
            document: Mapping[str, Any] = json.loads(data)
            if "error" in document:
                self._problem = f"error in the stream: {document['error']!r:.200}"
                return
            usage = document.get("usage")
            if usage:
                self._counted = int(usage["completion_tokens"])
                self._prompt_tokens = int(usage.get("prompt_tokens") or 0) or None
            for choice in document.get("choices", ()):
                self._finish = choice.get("finish_reason") or self._finish
                text = self._piece(choice)
                if text is not None:
                    self._text.append(text)
                    self._tokens.append(at)
            if self._passages is not None:
                self._passages += _passages(document, self._steps)
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            raise BrokenStream(f"data that is no OpenAI chunk: {data:.80}") from None

    def _piece(self, choice: Mapping[str, Any]) -> str | None:
        """The text of a chunk that brought a token; None for the opening delta, which only names the role, and for an empty last one.

        A token may have no text: half a character waits for its other half, and a tool call has its text elsewhere.
        """
        delta = choice.get("delta")
        if delta is None:
            return _text(choice.get("text"))
        for key in ("content", "reasoning_content", "reasoning"):
            if delta.get(key):
                return _text(delta[key])
        if delta.get("tool_calls"):
            for call in delta["tool_calls"]:
                function = call.get("function") or {}
                kept = self._calls.setdefault(int(call.get("index") or 0), [""])
                kept[0] += _text(function.get("name")) or ""
                kept.append(_text(function.get("arguments")) or "")
            return ""
        return None if "role" in delta else _text(delta.get("content"))


def _passages(document: object, steps: list[str | int]) -> list[str]:
    """The texts at a path of one chunk; most chunks have none there."""
    value: Any = document
    for step in steps:
        named = isinstance(step, str) and isinstance(value, dict) and step in value
        counted = isinstance(step, int) and isinstance(value, list) and step < len(value)
        if not named and not counted:
            return []
        value = value[step]
    rows = value if isinstance(value, list) else [value]
    found = [row if isinstance(row, str) else next((row[key] for key in _PASSAGE if key in row), "") for row in rows]
    return [text for text in found if isinstance(text, str) and text]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("text")
