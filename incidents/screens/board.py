"""The Now page as values: services as rows, open incidents, and the sentence that answers "is all well?" first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from observability.core import words

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


class Kind(StrEnum):
    """How a service stands; the value is the shape and colour it is drawn with."""

    OK = "ok"
    WARN = "warn"
    BURN = "burn"
    NO_DATA = "nodata"
    QUIET = "muted"


@dataclass(frozen=True, slots=True)
class Standing:
    """A service's state and its word: (burn, 'burning 20x')."""

    kind: Kind
    word: str


OUT = Standing(Kind.BURN, "outage")


@dataclass(frozen=True, slots=True)
class Latency:
    """A p95 in seconds with the bucket it lies in; `low` and `high` bound what the histogram can say."""

    value: float
    low: float
    high: float

    @property
    def bracket(self) -> str:
        """'between 250 ms and 500 ms': a quantile inside a bucket prints its bracket (R35)."""
        return f"between {words.seconds(self.low)} and {words.seconds(self.high)}"


@dataclass(frozen=True, slots=True)
class Split:
    """Where the time of requests goes: mean shares of queue, prefill and decode, adding up to 1."""

    queue: float
    prefill: float
    decode: float


def split(*, queue: float | None, prefill: float | None, decode: float | None) -> Split | None:
    """Seconds spent in each stage, as shares: 7.1, 1.7, 1.2 -> 0.71, 0.17, 0.12. None where a stage or all time is missing."""
    if queue is None or prefill is None or decode is None or queue + prefill + decode <= 0:
        return None
    total = queue + prefill + decode
    return Split(queue / total, prefill / total, decode / total)


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service on the Now page. None means "no data", never 0."""

    slug: str
    name: str
    simulated: bool
    standing: Standing
    p95: Latency | None
    spark: str
    split: Split | None
    budget: float | None
    budget_of: str
    budget_address: tuple[str, str] | None
    similarity: float | None
    per_1k_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is on call for what: the first of the policy, and who follows."""

    policy: str
    first: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """Something that changed: a deploy, a config, the traffic."""

    at: datetime
    service: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Fire:
    """A firing finding of a service, as far as its state needs it."""

    kind: str
    severity: str
    burn_rate: float | None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The newest minute of a timed promise: a quantile in seconds beside its goal. Not a verdict: one bad minute burns nothing."""

    name: str
    value: float
    goal: float

    @property
    def over(self) -> bool:
        return self.value > self.goal

    @property
    def said(self) -> str:
        """'p95 4.9 s, over 250 ms goal'."""
        return f"{self.name} {words.seconds(self.value)}, over {words.seconds(self.goal)} goal"


def standing(
    *,
    fires: Sequence[Fire],
    requests: float | None,
    has_objectives: bool,
    newest: Sequence[Glimpse] = (),
    silent: timedelta | None = None,
) -> Standing:
    """The worst of what fires, else whether anything is seen at all. No data is never green.

    A page-tier burn of 20.13 -> (burn, 'burning 20x'). Nothing fires: no request counted -> (muted, 'no traffic'); the last
    minute's p95 over its goal -> (warn, 'p95 4.9 s, over 250 ms goal'); `silent` for two minutes, though the windows before hold
    readings -> (nodata, 'no data for 2 min').
    """
    burning = [fire for fire in fires if fire.kind == "burn"]
    paging = [fire for fire in burning if fire.severity == "page"]
    if paging:
        return Standing(Kind.BURN, f"burning{_times(paging)}")
    if any(fire.kind == "outage" for fire in fires):
        return OUT
    if any(fire.kind == "blind" for fire in fires) or requests is None:
        return Standing(Kind.NO_DATA, "no data")
    if silent is not None:
        return Standing(Kind.NO_DATA, f"no data for {words.duration(silent.total_seconds())}")
    for glimpse in newest:
        if glimpse.over:
            return Standing(Kind.WARN, glimpse.said)
    if burning:
        return Standing(Kind.WARN, f"slow burn{_times(burning)}")
    if fires:
        return Standing(Kind.WARN, {"cost": "cost anomaly", "shift": "traffic shift"}.get(fires[0].kind, fires[0].kind))
    if requests == 0:
        return Standing(Kind.QUIET, "no traffic")
    return Standing(Kind.OK, "in budget") if has_objectives else Standing(Kind.QUIET, "no objectives")


def _times(fires: Sequence[Fire]) -> str:
    rates = [fire.burn_rate for fire in fires if fire.burn_rate is not None]
    return f" {max(rates):.3g}x" if rates else ""


def headline(rows: Sequence[ServiceRow], open_incidents: int) -> str:
    """'One service is burning, one cannot be seen.'"""
    if not rows:
        return "Nothing is watched yet."
    counts = {kind: sum(row.standing.kind is kind for row in rows) for kind in Kind}
    parts = []
    out = sum(row.standing == OUT for row in rows)
    burning = counts[Kind.BURN] - out
    if burning:
        parts.append(f"{_number(burning)} service{_is(burning)} burning")
    if out:
        parts.append(f"{_number(out)}{_verb(out, ' is', ' are', plural='') if parts else f' service{_is(out)}'} out")
    if counts[Kind.WARN]:
        noun = "" if parts else " service"
        parts.append(
            f"{_number(counts[Kind.WARN])}{noun}{_verb(counts[Kind.WARN], ' needs', ' need', plural='' if parts else 's')} a look"
        )
    if counts[Kind.NO_DATA]:
        noun = "" if parts else " service" + ("s" if counts[Kind.NO_DATA] > 1 else "")
        parts.append(f"{_number(counts[Kind.NO_DATA])}{noun} cannot be seen")
    if open_incidents and not burning and not out:
        # Somebody works on something that no objective shows: it comes first.
        parts.insert(0, f"{_number(open_incidents)} incident{_is(open_incidents)} open")
        parts = parts if len(parts) > 1 else []
    if parts:
        return parts[0] + "".join(f", {part[0].lower()}{part[1:]}" for part in parts[1:]) + "."
    if open_incidents:
        return f"No service is burning; {_number(open_incidents).lower()} incident{_is(open_incidents)} still open."
    return "All is well."


def rest(rows: Sequence[ServiceRow]) -> str:
    """What needs a look, then what is said of the services that need nobody: 'Everything else is within budget.'"""
    looks = [f"{row.name}: {row.standing.word}." for row in rows if row.standing.kind is Kind.WARN]
    return " ".join([*looks, *([said] if (said := _calm(rows)) else [])])


def _calm(rows: Sequence[ServiceRow]) -> str:
    good = [row for row in rows if row.standing.kind is Kind.OK]
    if not good:
        return ""
    if len(good) == len(rows):
        return f"{words.listed([row.name for row in rows])} {'is' if len(rows) == 1 else 'are'} within budget."
    return (
        "Everything else is within budget."
        if len(good) + _troubled(rows) == len(rows)
        else f"{words.listed([row.name for row in good])}: within budget."
    )


def _troubled(rows: Sequence[ServiceRow]) -> int:
    return sum(row.standing.kind in {Kind.BURN, Kind.WARN, Kind.NO_DATA} for row in rows)


def _number(value: int) -> str:
    return NUMBERS[value] if value < len(NUMBERS) else str(value)


def _is(value: int) -> str:
    return " is" if value == 1 else "s are"


def _verb(value: int, one: str, many: str, *, plural: str) -> str:
    return one if value == 1 else plural + many
