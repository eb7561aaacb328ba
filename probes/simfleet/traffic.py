"""Who asks, when, and how much: arrivals in one-minute blocks, from a generator or from a recorded trace.

A block's arrivals depend only on (seed, service, minute, demand), so a run does not depend on how it is cut into steps.
Demand is the mean rate times a diurnal and a weekly curve times what a fault asks for.

    BadTrace    a trace file that is not TIMESTAMP,ContextTokens,GeneratedTokens: file, line, found, expected
"""

from __future__ import annotations

import csv
import io
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from pathlib import Path
from statistics import NormalDist

from probes.simfleet.config import Lengths, PrefixCache, ServiceConfig
from probes.simfleet.request import Request

BLOCK_SECONDS = 60.0
_TABLE = 4096
_DAY = 86_400.0
_Draw = Callable[[], float]


class BadTrace(ValueError):
    pass


def demand_curve(config: ServiceConfig, at: float) -> float:
    """Share of the mean rate at a moment: 1 + swing at the peak hour (UTC), 1 - swing twelve hours off, less at weekends.

    Chat at 14:00 on a Wednesday: 1.28; at 02:00 on a Sunday: 0.72 * 0.85 = 0.61.
    """
    hour = at % _DAY / 3600.0
    day = int(at // _DAY + 4) % 7  # 1970-01-01 was a Thursday; 0 is Sunday
    wave = 1.0 + config.daily_swing * math.cos((hour - config.peak_hour) * math.pi / 12.0)
    return wave * (config.weekend_share if day in (0, 6) else 1.0)


@cache
def length_table(lengths: Lengths) -> tuple[int, ...]:
    """4,096 equally likely lengths: drawing one is an index, not a logarithm."""
    normal = NormalDist()
    drawn = (lengths.median * math.exp(lengths.sigma * normal.inv_cdf((i + 0.5) / _TABLE)) for i in range(_TABLE))
    return tuple(int(min(lengths.high, max(lengths.low, round(length)))) for length in drawn)


@dataclass(frozen=True, slots=True)
class Row:
    """One request of a trace: seconds into its minute, tokens in, tokens out."""

    offset: float
    context: int
    generated: int


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded hour as one-minute blocks; replay draws blocks, so that a day is not the hour looped."""

    blocks: tuple[tuple[Row, ...], ...]
    requests_per_second: float


def read_trace(path: Path) -> Trace:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadTrace(f"{path}: {problem}; expected a readable CSV file") from None
    return parse_trace(text, name=str(path))


def parse_trace(text: str, *, name: str) -> Trace:
    reader = csv.reader(io.StringIO(text))
    header = next(reader, [])
    wanted = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
    if [column.strip() for column in header] != wanted:
        raise BadTrace(f"{name}, line 1: found {','.join(header)!r}, expected {','.join(wanted)!r}")
    rows: list[tuple[float, int, int]] = []
    for cells in reader:
        if not cells:
            continue
        rows.append(_trace_row(cells, name=name, line=reader.line_num))
    if not rows:
        raise BadTrace(f"{name}: no rows, expected at least one request")
    rows.sort()
    first = rows[0][0]
    minutes: dict[int, list[Row]] = {}
    for at, context, generated in rows:
        minute, offset = divmod(at - first, BLOCK_SECONDS)
        minutes.setdefault(int(minute), []).append(Row(offset, context, generated))
    last = max(minutes)
    # The last minute is cut short by the end of the recording; it would read as a lull.
    used = [minutes.get(i, []) for i in range(last)] if last >= 2 else [minutes.get(i, []) for i in range(last + 1)]
    blocks = tuple(tuple(block) for block in used)
    return Trace(blocks=blocks, requests_per_second=sum(map(len, blocks)) / (BLOCK_SECONDS * len(blocks)))


def _trace_row(cells: Sequence[str], *, name: str, line: int) -> tuple[float, int, int]:
    where = f"{name}, line {line}: found {','.join(cells)!r}, expected"
    if len(cells) != 3:
        raise BadTrace(f"{where} three columns")
    try:
        stamp = cells[0].strip()
        whole, _, fraction = stamp.partition(".")
        moment = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp() + float(f"0.{fraction or 0}")
    except ValueError:
        raise BadTrace(f"{where} a time such as 2023-11-16 18:15:46.68 in the first column") from None
    try:
        context, generated = int(cells[1]), int(cells[2])
    except ValueError:
        raise BadTrace(f"{where} whole numbers of tokens in the second and third column") from None
    if context < 1 or generated < 1:
        raise BadTrace(f"{where} at least one token in and out")
    return moment, context, generated


@dataclass(slots=True)
class Demand:
    """What faults change about the traffic of a service."""

    long_share: float = 0.0  # of requests whose prompt becomes a long document
    long_prompt: tuple[int, int] = (8_000, 24_000)
    tenant_rate: dict[int, float] = field(default_factory=dict)  # this tenant asks so many times as often
    tenant_generated: dict[int, float] = field(default_factory=dict)  # and gets answers so many times as long
    generated_ratio: float = 1.0  # answers of all tenants are so many times as long
    generated_limit: int = 0  # longest answer under these two
    cached_ratio: float = 1.0  # of what a prompt usually finds in the prefix cache
    rate_ratio: float = 1.0  # everyone asks so many times as often


class Traffic:
    """The arrivals of one service."""

    def __init__(self, config: ServiceConfig, *, seed: int, trace: Trace | None = None) -> None:
        self.config = config
        self.demand = Demand()
        self._seed = seed
        self._trace = trace
        self._rows = tuple(row for block in trace.blocks for row in block) if trace else ()
        self._context = length_table(config.context)
        self._generated = length_table(config.generated)

    def block(self, start: float, *, begin: float | None = None) -> list[Request]:
        """Arrivals in [start, start + 60), in order; with `begin` only those after it (a fault began in mid-minute)."""
        minute = int(start // BLOCK_SECONDS)
        rng = random.Random(f"{self._seed} {self.config.name} {minute}")
        requests = self._replayed(self._trace, start, rng) if self._trace else self._generated_block(start, rng)
        if begin is not None:
            requests = [request for request in requests if request.arrived > begin]
        return requests

    def one(self, rng: random.Random, at: float) -> Request:
        """A single arrival outside the blocks (the crowd of a traffic spike), as long as those of the trace where there is one."""
        shares = self._tenant_shares()
        if self._rows:
            row = self._rows[int(rng.random() * len(self._rows))]
            return self._request(rng.random, at, row.context, row.generated, shares, crowd=True)
        return self._request(rng.random, at, None, None, shares, crowd=True)

    def _tenant_shares(self) -> list[float]:
        weights = [tenant.share * self.demand.tenant_rate.get(i, 1.0) for i, tenant in enumerate(self.config.tenants)]
        whole = sum(weights)
        return list(accumulate(weight / whole for weight in weights))

    def rate(self, at: float) -> float:
        """Requests per second asked for at a moment."""
        weights = (tenant.share * self.demand.tenant_rate.get(i, 1.0) for i, tenant in enumerate(self.config.tenants))
        usual = sum(tenant.share for tenant in self.config.tenants)
        asked = self.config.requests_per_second * self.demand.rate_ratio
        return asked * demand_curve(self.config, at) * sum(weights) / usual

    def _generated_block(self, start: float, rng: random.Random) -> list[Request]:
        rate = self.rate(start + BLOCK_SECONDS / 2)
        draw, gap, shares = rng.random, rng.expovariate, self._tenant_shares()
        requests: list[Request] = []
        if rate <= 0:
            return requests
        at, end = start + gap(rate), start + BLOCK_SECONDS
        while at < end:
            requests.append(self._request(draw, at, None, None, shares))
            at += gap(rate)
        return requests

    def _replayed(self, trace: Trace, start: float, rng: random.Random) -> list[Request]:
        """A block of the trace, thinned or repeated with shifted times to the rate asked for."""
        rows = trace.blocks[rng.randrange(len(trace.blocks))]
        times = self.rate(start + BLOCK_SECONDS / 2) / trace.requests_per_second
        whole, part = divmod(times, 1.0)
        shares = self._tenant_shares()
        requests: list[Request] = []
        for row in rows:
            for _ in range(int(whole) + (rng.random() < part)):
                offset = (row.offset + rng.uniform(-2.0, 2.0)) % BLOCK_SECONDS
                requests.append(self._request(rng.random, start + offset, row.context, row.generated, shares))
        requests.sort(key=lambda request: request.arrived)
        return requests

    def _request(
        self,
        draw: _Draw,
        at: float,
        context: int | None,
        generated: int | None,
        shares: list[float],
        *,
        crowd: bool = False,
    ) -> Request:
        config, demand = self.config, self.demand
        prompt = self._context[int(draw() * _TABLE)] if context is None else min(context, config.context.high)
        answer = self._generated[int(draw() * _TABLE)] if generated is None else min(generated, config.generated.high)
        tenant = min(bisect_right(shares, draw()), len(shares) - 1)
        cached = _cached(config.prefix, prompt, draw)
        if demand.cached_ratio != 1.0:
            cached = int(cached * demand.cached_ratio) // 16 * 16
        if demand.long_share and draw() < demand.long_share:
            low, high = demand.long_prompt
            prompt = low + int(draw() * (high - low))
            cached = min(config.prefix.system_tokens, prompt)
        limit = config.generated.high
        if longer := demand.tenant_generated.get(tenant, 1.0) * demand.generated_ratio - 1.0:
            limit = max(limit, demand.generated_limit)
            answer = min(limit, int(answer * (1.0 + longer)))
        request = Request(at, prompt, cached, answer, tenant, crowd)
        request.length_stop = answer >= limit
        return request


def _cached(prefix: PrefixCache, prompt: int, draw: _Draw) -> int:
    """Tokens of a prompt found in the prefix cache, in whole blocks of 16."""
    if draw() < prefix.share:
        found = prompt * (prefix.low + (prefix.high - prefix.low) * draw())
    else:
        found = min(prefix.system_tokens, prompt * 0.5)
    return int(found) // 16 * 16
