"""Usage that others counted: a CSV of ours, or an OpenAI-style export. Pure.

An OpenAI-style export is the answer of /v1/organization/usage/completions: buckets with `start_time`, `end_time` and `results`,
whose `input_tokens` hold the cached ones too (platform.openai.com/docs/api-reference/usage/completions_object).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sloengine.cost.ledger.meters import MS_PER_HOUR, Quantities, Slice, TokenClass
from sloengine.cost.ledger.tables import BadTable, Column, Problem, count, instant, price, read_table, word

REQUESTS = ("requests_ok", "requests_failed", "requests_aborted")
WORDS = ("model", "variant", "region", "hardware", "tenant", "tag")
TENANT_FROM = ("project_id", "user_id", "api_key_id")
_COUNT = Column(count, "a whole number of 0 or more", default=0)
_HOURS = Column(price, "hours of 0 or more such as 1.5", default=Decimal(0))
COLUMNS = {
    "at": Column(instant, "the start of the hour or bucket, such as 2026-11-22T14:00:00Z", required=True),
    "service": Column(word(), "the slug of a service", required=True),
    **{name: Column(word(100 if name == "hardware" else 200), f"a {name}, or nothing", default="") for name in WORDS},
    **dict.fromkeys((*REQUESTS, *(one.value for one in TokenClass)), _COUNT),
    "gpu_hours": _HOURS,
    "idle_gpu_hours": _HOURS,
}


@dataclass(frozen=True, slots=True)
class Used:
    """A row of a file: what a slice of a service used from `at` until `end`."""

    number: int
    service: str
    at: datetime
    end: datetime
    slice: Slice
    quantities: Quantities


def read_csv(text: str) -> list[Used]:
    """The rows; BadTable names every wrong cell, and every row whose key was there before."""
    found = []
    for number, cells in enumerate(read_table(text, COLUMNS), start=1):
        counts = {name: cells[name] for name in (*REQUESTS, *(one.value for one in TokenClass))}
        hardware = {"busy_ms": _ms(cells["gpu_hours"]), "idle_ms": _ms(cells["idle_gpu_hours"])}
        one = Slice(**{name: cells[name] for name in WORDS})
        end = cells["at"] + timedelta(hours=1)
        found.append(Used(number, cells["service"], cells["at"], end, one, Quantities(**counts, **hardware)))
    return _once(found)


def read_openai(text: str, *, service: str, tenant_from: str = "project_id") -> list[Used]:
    """The results of all buckets, numbered from 1 through the file; the tenant is what `tenant_from` names."""
    try:
        page = json.loads(text)
    except ValueError as error:
        raise BadTable([Problem(0, "-", f"no JSON ({error})", "an OpenAI-style usage export")]) from error
    found: list[Used] = []
    problems: list[Problem] = []
    for number, (bucket, result) in enumerate(_results(page), start=1):
        one = _result(number, bucket, result, service, tenant_from, problems)
        if one is not None:
            found.append(one)
    if problems:
        raise BadTable(problems)
    return _once(found)


def _results(page: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    buckets = page.get("data") if isinstance(page, dict) else None
    if not isinstance(buckets, list):
        raise BadTable([Problem(0, "data", "no list of buckets", "an OpenAI-style usage export")])
    if page.get("has_more"):
        raise BadTable([Problem(0, "has_more", "true", "all pages in one file: what is left out would be missing")])
    for bucket in buckets:
        results = bucket.get("results") if isinstance(bucket, dict) else None
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise BadTable([Problem(0, "results", "no list in a bucket", "a list of results in each")])
        for result in results:
            yield bucket, result


def _result(
    number: int, bucket: dict[str, Any], result: dict[str, Any], service: str, tenant_from: str, problems: list[Problem]
) -> Used | None:
    def whole(holder: dict[str, Any], name: str, *, required: bool = False) -> int:
        value = holder.get(name)
        if value is None and not required:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
            problems.append(Problem(number, name, repr(holder.get(name)), "a whole number of 0 or more"))
            return 0
        return value

    before = len(problems)
    start, end = whole(bucket, "start_time", required=True), whole(bucket, "end_time", required=True)
    given, cached = whole(result, "input_tokens", required=True), whole(result, "input_cached_tokens")
    output, requests = whole(result, "output_tokens", required=True), whole(result, "num_model_requests")
    for name in ("input_audio_tokens", "output_audio_tokens"):
        if whole(result, name):
            problems.append(Problem(number, name, str(result[name]), "0: audio has prices of its own"))
    if cached > given:
        problems.append(Problem(number, "input_cached_tokens", str(cached), f"at most the {given} input_tokens"))
    if not end > start > 0 or end > 2**33:
        problems.append(Problem(number, "end_time", str(end), "Unix seconds, later than start_time"))
    model, tenant = result.get("model") or "", result.get(tenant_from) or ""
    for name, value in (("model", model), (tenant_from, tenant)):
        if not isinstance(value, str) or len(value) > 200:
            problems.append(Problem(number, name, repr(value)[:80], "text of at most 200 letters"))
    if len(problems) > before:
        return None
    # A batch has no cheaper cached tokens of its own.
    tokens = (
        {"batch_input": given, "batch_output": output}
        if result.get("batch")
        else {"input": given - cached, "cache_read": cached, "output": output}
    )
    at, until = (datetime.fromtimestamp(seconds, UTC) for seconds in (start, end))
    return Used(number, service, at, until, Slice(model=model, tenant=tenant), Quantities(requests, **tokens))


def _once(rows: Sequence[Used]) -> list[Used]:
    """An export has a row for each key it was grouped by, so two of one key are a mistake and would count twice.

    Batch and other results of one bucket differ by their classes and are one row.
    """
    seen: dict[tuple[str, datetime, Slice], Used] = {}
    problems = []
    for one in rows:
        key = one.service, one.at, one.slice
        first = seen.get(key)
        if first is None:
            seen[key] = one
        elif _batch(first) != _batch(one):
            amounts = first.quantities + one.quantities
            seen[key] = Used(first.number, one.service, one.at, one.end, one.slice, amounts)
        else:
            problems.append(Problem(one.number, "at", described(one), f"once; row {first.number} has it"))
    if problems:
        raise BadTable(problems)
    return list(seen.values())


def _batch(one: Used) -> bool:
    return bool(one.quantities.batch_input or one.quantities.batch_output)


def described(one: Used) -> str:
    """A row's key: 2026-11-22 14:00 chat, acme, large."""
    words = [
        one.service,
        *(word for word in (one.slice.tenant, one.slice.model, one.slice.variant, one.slice.tag) if word),
    ]
    return f"{one.at:%Y-%m-%d %H:%M} {', '.join(words)}"


def late(rows: Iterable[Used], *, now: datetime) -> list[Problem]:
    """Rows that begin in the future."""
    expected = f"no later than {now:%Y-%m-%d %H:%M} UTC"
    return [Problem(one.number, "at", f"{one.at:%Y-%m-%d %H:%M} UTC", expected) for one in rows if one.at > now]


def _ms(hours: Decimal) -> int:
    return int((hours * MS_PER_HOUR).to_integral_value())
