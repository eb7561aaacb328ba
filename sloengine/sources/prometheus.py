"""A Prometheus server (or Thanos, Mimir, VictoriaMetrics) as a source. The only caller of prometheus-api-client.

What the client does that we cannot use, and what stands here instead (see the 0.7.2 sources): it resends heavy queries up to
three times (here: never), has no timeout (here: ours and the server's), puts even a POST's query into the URL (here: into the
body), drops `warnings` (here: they make a reading partial), and builds objects per sample (here: orjson on the bytes).

Plain selectors only: `rate()` and `increase()` extrapolate, and cost more. An instant query at the tick tells the past as well
as the present, as far as the server's retention goes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
import requests
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from probes.exposition import Labels, Samples, Series, bound
from probes.signals import PREFIX, SIGNALS
from sloengine.sources.base import Reading, SourceUnavailable, without_credentials
from sloengine.sources.vector import Vectors

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 12.0
SERVER_SECONDS: Final = 10
#: Shown on pages about one replica; the rollups never ask for it, and it has a series a field.
NOT_NEEDED: Final = frozenset(
    {"config_field_info", "config_source_info"} | {name for name in SIGNALS if name.startswith("latency_")}
)
FAMILIES: Final = tuple(sorted(name for name in SIGNALS if name not in NOT_NEEDED))


class Connection(PrometheusConnect):  # type: ignore[misc]  # the client has no types
    """The client's session, asked in a way that scales."""

    def __init__(self, url: str) -> None:
        super().__init__(
            url=url.rstrip("/"), retry=Retry(total=0), timeout=(CONNECT_SECONDS, READ_SECONDS), method="POST"
        )

    def instant(self, query: str, *, at: datetime, **options: str) -> dict[str, Any]:
        """The whole envelope of an instant query: data, warnings and all."""
        return self.envelope(*self.answer(query, at=at, **options))

    def answer(self, query: str, *, at: datetime, **options: str) -> tuple[int, bytes]:
        """The status and the body of an instant query's answer."""
        body = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{SERVER_SECONDS}s", **options}
        url = f"{self.url}/api/v1/query"
        shown = without_credentials(self.url)
        try:
            answer = self._session.post(
                url, data=body, headers=self.headers, auth=self.auth, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as problem:
            raise SourceUnavailable(f"{shown}: {type(problem).__name__}") from problem
        return answer.status_code, answer.content

    def envelope(self, status: int, body: bytes) -> dict[str, Any]:
        shown = without_credentials(self.url)
        try:
            envelope = orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            raise SourceUnavailable(f"{shown} answered {status} and no JSON, expected a query result") from problem
        if not isinstance(envelope, dict) or envelope.get("status") != "success":
            told = envelope.get("error") if isinstance(envelope, dict) else None
            raise SourceUnavailable(f"{shown} answered {status}: {told or 'no reason given'}")
        return envelope


class PrometheusSource:
    """Readings of the canonical families a probe's targets left in a Prometheus."""

    reads_past = True

    def __init__(self, url: str, *, families: Collection[str] = FAMILIES, lookback_seconds: int | None = None) -> None:
        self._connection = Connection(url)
        self._query = selector(families)
        self._options = {"dedup": "true", "max_source_resolution": "0s"}  # Thanos: one of each replica, no downsampling
        if lookback_seconds is not None:
            self._options["lookback_delta"] = f"{lookback_seconds}s"
        self._known: dict[tuple[tuple[str, str], ...], Series] = {}
        self._vectors = Vectors(series_of)

    def read(self, at: datetime) -> Reading:
        status, body = self._connection.answer(self._query, at=at, **self._options)
        if (plain := self._vectors.read(body)) is not None and status == 200:
            return Reading(at, dict(zip(*plain, strict=True)))
        envelope = self._connection.envelope(status, body)
        data = envelope.get("data") or {}
        if data.get("resultType") != "vector":
            raise SourceUnavailable(f"the result is a {data.get('resultType')}, expected a vector")
        warnings = [str(one) for one in envelope.get("warnings") or ()]
        samples: Samples = {}
        native = odd = 0
        for row in data["result"]:
            if "value" not in row:
                native += 1
                continue
            try:
                samples[self._series(row["metric"])] = float(row["value"][1])
            except ValueError:  # an le or a value that is no number
                odd += 1
        if native:
            warnings.append(f"{native} native histograms were left out, expected classic buckets")
        if odd:
            warnings.append(f"{odd} series were left out, expected numbers")
        return Reading(at, samples, partial=bool(warnings), warnings=tuple(warnings))

    def ask(self, query: str, *, at: datetime) -> list[tuple[Labels, float]]:
        """The answer to a query of the user's own, as (labels, value); raises SourceUnavailable with the server's reason."""
        data = self._connection.instant(query, at=at, **self._options).get("data") or {}
        if data.get("resultType") == "scalar":
            return [((), float(data["result"][1]))]
        if data.get("resultType") != "vector":
            raise SourceUnavailable(f"the query gives a {data.get('resultType')}, expected a vector or a scalar")
        rows = (row for row in data["result"] if "value" in row)
        return [(tuple(sorted(row["metric"].items())), float(row["value"][1])) for row in rows]

    def close(self) -> None:
        self._connection.close()

    def _series(self, metric: Mapping[str, str]) -> Series:
        key = tuple(metric.items())
        found = self._known.get(key)
        if found is None:
            if len(self._known) > 200_000:
                self._known.clear()
            found = self._known[key] = series_of(metric)
        return found


def selector(families: Collection[str]) -> str:
    """One plain selector for all of them: {__name__=~"tailwatch_(?:ttft_seconds|...)(?:_bucket|_sum|_count)?"}"""
    histograms = sorted(name for name in families if name in SIGNALS and SIGNALS[name].kind == "histogram")
    others = sorted(set(families) - set(histograms))
    names = [*others, *([f"(?:{'|'.join(histograms)})_(?:bucket|sum|count)"] if histograms else [])]
    return f'{{__name__=~"{PREFIX}(?:{"|".join(names)})"}}'


def series_of(metric: Mapping[str, str]) -> Series:
    """The series as the exposition names it; Prometheus 3 writes le="1.0" where 2 kept "1"."""
    labels = {name: value for name, value in metric.items() if name != "__name__"}
    if "le" in labels and not math.isnan(float(labels["le"])):
        labels["le"] = bound(labels["le"])
    return Series(metric["__name__"], tuple(sorted(labels.items())))
