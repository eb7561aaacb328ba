"""The transport over the network: scrapes and canaries with httpx. Every failure has a reason; no answer can take longer than its time."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import httpx

from probes import config, connecting, fetch, openai
from probes.agent import ScrapeFailed
from probes.canary import Completion
from probes.config import Canary, Target
from probes.connecting import Phases
from probes.exposition import Parser, Samples
from probes.prompts import Prompt
from probes.shape import ShapeError
from probes.sse import BrokenStream

PARSERS = 1024
ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"


class HttpTransport:
    """One client for all: connections are shared, and kept for a moment. The parser of each target lives here, with its cache."""

    def __init__(self, *, scrape_timeout_seconds: float = 5.0) -> None:
        self._timeout = scrape_timeout_seconds
        self._client = httpx.Client(
            transport=connecting.transport(),
            timeout=scrape_timeout_seconds,
            headers={"user-agent": "tailwatch-probe"},
            trust_env=False,
        )
        self._parsers: dict[str, Parser] = {}

    def close(self) -> None:
        self._client.close()

    def scrape(self, target: Target) -> Samples:
        if len(self._parsers) > PARSERS:
            self._parsers.clear()  # pods come and go; each comes back at the price of one slow parse
        page = self._get(target.url, accept=ACCEPT)
        samples = self._parsers.setdefault(target.url, Parser()).parse(page)
        if page and not page.endswith(b"\n"):
            raise ScrapeFailed("truncated", "the page ends within a line: its last number may be half a number")
        return samples

    def discover(self, url: str) -> Sequence[Target]:
        try:
            return config.targets(self._get(url, accept="application/json").decode("utf-8"), file=url)
        except (ShapeError, UnicodeDecodeError) as problem:
            raise ScrapeFailed("malformed", str(problem)) from None

    def complete(self, canary: Canary, prompt: Prompt) -> Completion:
        url, body = openai.request(canary, prompt, nonce=secrets.token_hex(4))
        reader = openai.Reader(passages_path=canary.passages_path)
        phases = Phases()
        begun = time.perf_counter()

        def failed(outcome: str, reason: str, detail: str) -> Completion:
            completion = reader.completion(outcome=outcome, reason=reason, detail=detail)
            return replace(completion, phases=phases.told())

        try:
            headers = {**dict(canary.headers), **_key(canary), "x-tailwatch-canary": prompt.slice}
        except (OSError, UnicodeDecodeError) as problem:
            return failed("error", "key_file", f"api_key_file: {problem}")
        try:
            with self._client.stream(
                "POST", url, json=body, headers=headers, timeout=canary.timeout_seconds, extensions={"trace": phases}
            ) as answer:
                if answer.status_code != 200:
                    outcome, reason = openai.of_status(answer.status_code)
                    whither = f" to {answer.headers.get('location', 'nowhere')}" if reason == "redirect" else ""
                    return failed(outcome, reason, f"HTTP status {answer.status_code}{whither}")
                for chunk in _within(answer, seconds=canary.timeout_seconds, begun=begun):
                    reader.feed(chunk, at=time.perf_counter() - begun)
                    if reader.done:
                        break
            return replace(reader.completion(), phases=phases.told())
        except (httpx.TimeoutException, _Late) as problem:
            late = f"no complete answer within {canary.timeout_seconds:g} s"
            connecting = isinstance(problem, httpx.ConnectTimeout | httpx.PoolTimeout)
            part = "connect" if connecting else "stream" if reader.begun else "first_byte"
            return failed("timeout", f"timeout_{part}", late)
        except BrokenStream as problem:
            return failed("error", "broken_frame", str(problem))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            reason = "stream_ended" if phases.answered else _why(problem)
            return failed("error", reason, str(problem) or type(problem).__name__)

    def models(self, canary: Canary) -> frozenset[str]:
        """The names under which the canary's endpoint offers models, as GET /v1/models lists them."""
        try:
            headers = _key(canary)
        except OSError as problem:
            raise ScrapeFailed("connect", f"api_key_file: {problem.strerror}") from None
        try:
            return openai.models(self._get(f"{canary.url}/v1/models", accept="application/json", headers=headers))
        except ValueError as problem:
            raise ScrapeFailed("malformed", str(problem)) from None

    def _get(self, url: str, *, accept: str, headers: Mapping[str, str] | None = None) -> bytes:
        return fetch.get(self._client, url, accept=accept, seconds=self._timeout, headers=headers)


class _Late(Exception):
    pass


def _why(problem: BaseException) -> str:
    """Which part of connecting failed: the causes beneath httpx's own error say it."""
    cause: BaseException | None = problem
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "dns"
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    return "connect"


def _within(answer: httpx.Response, *, seconds: float, begun: float) -> Iterator[bytes]:
    """The body's chunks while there is time: httpx limits each read, not the whole, and one byte a second is slow too."""
    for chunk in answer.iter_bytes():
        yield chunk
        if time.perf_counter() - begun > seconds:
            raise _Late


def _key(canary: Canary) -> dict[str, str]:
    if canary.api_key_file is None:
        return {}
    return {"authorization": "Bearer " + Path(canary.api_key_file).read_text("utf-8").strip()}
