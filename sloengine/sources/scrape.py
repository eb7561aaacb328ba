"""Direct scrape of probes: GET of one or several /metrics, the default on one machine. It cannot tell the past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from probes.exposition import MalformedExposition, Parser, Samples, Series
from sloengine.sources.base import Reading, SourceUnavailable, without_credentials

TIMEOUT: Final = httpx.Timeout(5.0, connect=2.0)


class ScrapeSource:
    """Reads probes over HTTP. With several of them, each series carries an `instance` label, as Prometheus would give it:
    two probes may count the same thing, and each restarts on its own."""

    reads_past = False

    def __init__(self, urls: Sequence[str], *, transport: httpx.BaseTransport | None = None) -> None:
        if not urls:
            raise SourceUnavailable("the source has no URL")
        self._urls = tuple(urls)
        self._parsers = {url: Parser() for url in urls}
        self._named: dict[str, dict[Series, Series]] = {url: {} for url in urls}
        # No proxy from the environment: probes are next door.
        self._client = httpx.Client(timeout=TIMEOUT, transport=transport, trust_env=False, follow_redirects=False)

    def read(self, at: datetime) -> Reading:
        samples: Samples = {}
        problems: list[str] = []
        for url in self._urls:
            try:
                found = self._scrape(url)
            except SourceUnavailable as problem:
                problems.append(problem.reason)
                continue
            samples.update(self._with_instance(url, found) if len(self._urls) > 1 else found)
        if len(problems) == len(self._urls):
            raise SourceUnavailable("; ".join(problems))
        return Reading(at, samples, partial=bool(problems), warnings=tuple(problems))

    def _scrape(self, url: str) -> Samples:
        shown = without_credentials(url)
        try:
            answer = self._client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise SourceUnavailable(f"{shown}: {problem or type(problem).__name__}") from problem
        if answer.status_code != 200:
            raise SourceUnavailable(f"{shown} answered {answer.status_code}, expected 200")
        try:
            return self._parsers[url].parse(answer.content)
        except MalformedExposition as problem:
            raise SourceUnavailable(f"{shown}: {problem}") from problem

    def _with_instance(self, url: str, samples: Samples) -> Samples:
        named = self._named[url]
        if len(named) > 2 * len(samples) + 1024:
            named.clear()
        instance = ("instance", urlsplit(url).netloc.rpartition("@")[2])
        found: Samples = {}
        for one, value in samples.items():
            key = named.get(one)
            if key is None:
                key = named[one] = Series(one.name, tuple(sorted((*one.without("instance").labels, instance))))
            found[key] = value
        return found
