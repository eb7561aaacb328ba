"""One request as its caller saw it, told by a span or by a line of an access log, into the client families. Pure.

The slice is the class of prompt length, so that a slow tail of long prompts does not hide in the mean: 900 tokens are `1k`,
5,000 are `16k` (each class is named by its upper bound), and a request that does not say is `length-unknown`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from probes.attribution import OTHER
from probes.exposition import Labels, Samples
from probes.signals import SERVICE
from probes.tally import Tally

#: Upper bound of each class of prompt length, in tokens.
SLICES = ((256, "256"), (1_024, "1k"), (4_096, "4k"), (16_384, "16k"), (65_536, "64k"), (math.inf, "over-64k"))
LENGTH_UNKNOWN = "length-unknown"

ANSWER, RETRIEVAL, RERANKING = "answer", "retrieval", "reranking"
BY_SPANS = (
    "client_requests_total", "client_prompt_tokens_total", "client_generated_tokens_total", "client_ttft_seconds",
    "client_per_token_seconds", "client_e2e_seconds", "retrieval_seconds", "reranking_seconds",
)  # fmt: skip
BY_LOGS = BY_SPANS
#: Tenants by tags by models of all services; those that come after are tenant and tag "other".
LIMIT = 5_000
#: A day: a caller's clock that is wrong by more is no latency.
_LONGEST_SECONDS = 86_400.0

STATUSES: Mapping[str, str] = {
    "408": "timeout",
    "429": "rejected",
    "499": "aborted",
    "503": "rejected",
    "504": "timeout",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is None was not told."""

    service: str
    what: str = ANSWER  # answer | retrieval | reranking
    outcome: str = "ok"
    seconds: float | None = None  # sent to the end of the answer
    first_seconds: float | None = None  # sent to the first chunk
    prompt_tokens: float | None = None
    generated_tokens: float | None = None
    model: str = "unknown"
    version: str = "unknown"
    region: str = "unknown"
    tenant: str = "unknown"
    tag: str = ""  # empty: the attribution map takes none


def prompt_slice(tokens: float | None) -> str:
    if tokens is None:
        return LENGTH_UNKNOWN
    return next(name for upper, name in SLICES if tokens <= upper)


def outcome_of_status(status: str) -> str:
    """ "200" is ok, "503" rejected, "500" error; a caller's mistake ("400") was answered as it should be; "0" never was."""
    if status in STATUSES:
        return STATUSES[status]
    if status in ("0", "000"):
        return "aborted"
    return "ok" if status[:1] in ("1", "2", "3", "4") else "error"


class RequestTally:
    """Everything seen, as canonical series."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._whose: set[tuple[str, ...]] = set()

    def add(self, one: Seen) -> None:
        key = (one.service, one.model, one.region, one.tenant, one.tag)
        if key not in self._whose and len(self._whose) >= LIMIT:
            one = replace(one, tenant=OTHER, tag=one.tag and OTHER)
        self._whose.add((one.service, one.model, one.region, one.tenant, one.tag))
        own = {"service": one.service, "model": one.model, "version": one.version, "region": one.region}
        served = _labels({name: own[name] for name in SERVICE})
        if one.what != ANSWER:
            if (seconds := _duration(one.seconds)) is not None:
                self._tally.observe(f"{one.what}_seconds", served, [seconds])
            return
        whose = {**own, "tenant": one.tenant} | ({"tag": one.tag} if one.tag else {})
        for outcome in ("ok", "error", "timeout", "rejected", "aborted"):  # the first error is an increment
            self._tally.add(
                "client_requests_total", _labels({**whose, "outcome": outcome}), float(outcome == one.outcome)
            )
        for name, tokens in (("prompt", one.prompt_tokens), ("generated", one.generated_tokens)):
            if tokens is not None and 0 <= tokens < 1e9:
                self._tally.add(f"client_{name}_tokens_total", _labels(whose), tokens)
        if one.outcome != "ok":
            return  # how fast a failure came is no latency
        sliced = _labels({**own, "slice": prompt_slice(one.prompt_tokens)})
        seconds, first = _duration(one.seconds), _duration(one.first_seconds)
        for name, value in (("client_e2e_seconds", seconds), ("client_ttft_seconds", first)):
            if value is not None:
                self._tally.observe(name, sliced, [value])
        gaps = (one.generated_tokens or 0) - 1
        if seconds is not None and first is not None and seconds >= first and gaps > 0:
            self._tally.observe("client_per_token_seconds", sliced, [(seconds - first) / gaps])

    def samples(self) -> Samples:
        return self._tally.samples()


def _duration(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 <= seconds <= _LONGEST_SECONDS else None


def _labels(values: Mapping[str, str]) -> Labels:
    return tuple(sorted(values.items()))
