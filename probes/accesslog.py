"""A line of a gateway's access log (a JSON object) as requests seen. Pure.

    {"path": "/v1/chat/completions", "response_code": 200, "duration": 1800, "ttft_ms": 240, "usage": {"prompt_tokens": 900}}

is an answer of 1.8 s with its first token after 0.24 s, in the slice `1k`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from probes.attribution import UNKNOWN, Attributor, nobody
from probes.clientside import AccessLog
from probes.requests import RERANKING, RETRIEVAL, Seen, outcome_of_status

_HEADERS = ("headers", "request_headers", "request.headers")


class NotALine(ValueError):
    """The line is no JSON object."""


def read(line: bytes, log: AccessLog, attributor: Attributor) -> tuple[Seen, ...]:
    """None, or one answer, with retrieval and reranking beside it where the line has their times. Raises NotALine."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise NotALine from None
    if not isinstance(found, dict):
        raise NotALine
    fields = dict(log.fields)
    path = _text(found, fields["path"])
    status = _text(found, fields["status"])
    if not status or (path and not any(path.partition("?")[0].endswith(one) for one in log.paths)):
        return ()
    return tuple(_seen(found, log, attributor, fields, status))


def _seen(
    found: Mapping[str, object],
    log: AccessLog,
    attributor: Attributor,
    fields: Mapping[str, tuple[str, ...]],
    status: str,
) -> Iterator[Seen]:
    said = _headers(found)
    model = log.model or attributor.shown("model", _text(found, fields["model"]))
    whose = {
        dimension: attributor.of(dimension, said, attributor.takes(dimension, "headers"))
        for dimension in ("tenant", "tag", "region")
        if attributor.takes(dimension, "headers")
    }
    region = whose.get("region", UNKNOWN)
    own = Seen(service=log.service, model=model, region=log.region if region == UNKNOWN else region)
    yield replace(
        own,
        tenant=whose.get("tenant", UNKNOWN),
        tag=whose.get("tag", ""),
        outcome=outcome_of_status(status),
        seconds=_seconds(found, fields, ""),
        first_seconds=_seconds(found, fields, "first_"),
        prompt_tokens=_number(found, fields["prompt_tokens"]),
        generated_tokens=_number(found, fields["generated_tokens"]),
    )
    for what in (RETRIEVAL, RERANKING):
        if (took := _number(found, fields[f"{what}_milliseconds"])) is not None:
            yield replace(own, what=what, seconds=took / 1000)


def _headers(found: Mapping[str, object]) -> dict[str, str]:
    """What a header of the request may be found under: in an object of headers, or beside the other fields."""
    out: dict[str, str] = {}
    for place in (found, *(_at(found, name) for name in _HEADERS)):
        if isinstance(place, dict):
            out |= {str(key).lower(): value for key, value in place.items() if isinstance(value, str)}
    return out | {key.replace("_", "-"): value for key, value in out.items() if "_" in key}


def _seconds(found: Mapping[str, object], fields: Mapping[str, tuple[str, ...]], part: str) -> float | None:
    if (seconds := _number(found, fields[f"{part}seconds"])) is not None:
        return seconds
    took = _number(found, fields[f"{part}milliseconds"])
    return None if took is None else took / 1000


def _number(found: Mapping[str, object], names: tuple[str, ...]) -> float | None:
    for name in names:
        value = _at(found, name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        try:
            number = float(value)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(number):
            return number
    return None


def _text(found: Mapping[str, object], names: tuple[str, ...]) -> str:
    values = (_at(found, name) for name in names)
    texts = (str(value) for value in values if isinstance(value, int | str) and not isinstance(value, bool))
    return next((text for text in texts if not nobody(text)), "")


def _at(found: object, name: str) -> object:
    """`usage.prompt_tokens` as it is written, or as a path into objects."""
    if not isinstance(found, dict):
        return None
    if name in found:
        return found[name]
    first, dot, rest = name.partition(".")
    return _at(found.get(first), rest) if dot else None
