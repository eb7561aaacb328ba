"""Direct scrape of probes: GET of one or several /metrics, the default on one machine. It cannot tell the past."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import repeat
from typing import Final
from urllib.parse import urlsplit

import httpx

from probes.exposition import MalformedExposition, Parser, Samples, Series
from sloengine.sources.base import Reading, SourceUnavailable, seconds_left, without_credentials

READ_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 2.0
#: For the whole of a page: httpx limits each read, and one byte a second is slow too.
WHOLE_SECONDS: Final = 10.0
LIMIT_BYTES: Final = 64 * 1024 * 1024
#: Probes read at once, so that a rack that is down costs one time-out and not twenty.
THREADS: Final = 16


class ScrapeSource:
    """Reads probes over HTTP. Each series carries an `instance` label, as Prometheus would give it: two probes may count the
    same thing, and each restarts on its own."""

    reads_past = False

    def __init__(self, urls: Sequence[str], *, transport: httpx.BaseTransport | None = None) -> None:
        if not urls:
            raise SourceUnavailable("the source has no URL")
        self._urls = tuple(dict.fromkeys(urls))
        self._parsers = {url: Parser() for url in self._urls}
        self._named: dict[str, dict[Series, Series]] = {url: {} for url in self._urls}
        # No proxy from the environment: probes are next door.
        self._client = httpx.Client(transport=transport, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Hang up; nothing can be read afterwards."""
        self._client.close()

    def read(self, at: datetime) -> Reading:
        samples: Samples = {}
        problems: list[str] = []
        for url, found in zip(self._urls, self._all(), strict=True):
            if isinstance(found, SourceUnavailable):
                problems.append(found.reason)
            else:
                samples.update(self._with_instance(url, found))
        if len(problems) == len(self._urls):
            raise SourceUnavailable("; ".join(problems))
        return Reading(at, samples, partial=bool(problems), warnings=tuple(problems))

    def _all(self) -> list[Samples | SourceUnavailable]:
        seconds = seconds_left(WHOLE_SECONDS)
        if len(self._urls) == 1:
            return [self._scrape(self._urls[0], seconds)]
        with ThreadPoolExecutor(max_workers=min(THREADS, len(self._urls))) as pool:
            return list(pool.map(self._scrape, self._urls, repeat(seconds)))

    def _scrape(self, url: str, seconds: float) -> Samples | SourceUnavailable:
        try:
            return self._parsers[url].parse(self._page(url, seconds))
        except SourceUnavailable as problem:
            return problem
        except (MalformedExposition, httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            return SourceUnavailable(f"{without_credentials(url)}: {problem or type(problem).__name__}")

    def _page(self, url: str, seconds: float) -> bytes:
        shown = without_credentials(url)
        begun = time.monotonic()
        page = bytearray()
        timeout = httpx.Timeout(min(READ_SECONDS, seconds), connect=min(CONNECT_SECONDS, seconds))
        with self._client.stream("GET", url, timeout=timeout) as answer:
            if answer.status_code != 200:
                raise SourceUnavailable(f"{shown} answered {answer.status_code}, expected 200")
            for chunk in answer.iter_bytes():
                page += chunk
                if len(page) > LIMIT_BYTES:
                    raise SourceUnavailable(f"{shown} answered more than {LIMIT_BYTES} bytes")
                if time.monotonic() - begun > seconds:
                    raise SourceUnavailable(f"{shown} gave no complete answer within {seconds:.3g} s")
        return bytes(page)

    def _with_instance(self, url: str, samples: Samples) -> Samples:
        """Always, be it the only probe: a series that is named otherwise while there is a second one would come back later as
        one that missed all that was counted meanwhile."""
        named = self._named[url]
        if len(named) > 2 * len(samples) + 1024:
            named.clear()
        instance = ("instance", _instance(url))
        found: Samples = {}
        for one, value in samples.items():
            key = named.get(one)
            if key is None:
                key = named[one] = Series(one.name, tuple(sorted((*one.without("instance").labels, instance))))
            found[key] = value
        return found


def _instance(url: str) -> str:
    """gpu-1:9840 of http://me:secret@gpu-1:9840/metrics; with the path where it is another one."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + ("" if parts.path == "/metrics" else parts.path)
