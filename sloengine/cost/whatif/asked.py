"""Texts of an address to a plan, and presets. Pure. What does not fit is named, and nothing is worked out from a guess.

    ?tiers=16-bit,4/7,0.11%0Afull,3/7,0.18%0A8-bit,0,0.065&share=35&source=full&target=8-bit

Shares are points and per cents as people say them (35); shares of tiers may be 4/7, 0.571 or 57.1%. What is not in the address is as it
was measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from urllib.parse import urlencode

from sloengine.cost.whatif.curve import ENTERED, Curve
from sloengine.cost.whatif.outcome import replicas_for
from sloengine.cost.whatif.plan import (
    PRO_RATA,
    REQUESTS,
    TOKENS,
    BadPlan,
    Change,
    Commitment,
    Constraints,
    Fleet,
    Now,
    Own,
    Prompts,
    Tier,
    decimal,
)


@dataclass(frozen=True, slots=True)
class Field:
    """One input: its name in the address, its label, what is expected."""

    name: str
    label: str
    expected: str
    lines: int = 1
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """Inputs of one purpose."""

    title: str
    fields: Sequence[Field]


GROUPS = (
    Fields(
        "Route",
        (
            Field("share", "Move, points", "points from 0 to 100, such as 35"),
            Field("moved", "of the", "tokens or requests", choices=((TOKENS, "tokens"), (REQUESTS, "requests"))),
            Field("tag_share", "of a tag with, % of them", "per cent from 0 to 100"),
            Field("source", "from", "the name of a tier; empty: every tier as it is"),
            Field("target", "to", "the name of a tier"),
        ),
    ),
    Fields(
        "Waste",
        (
            Field("cache", "Cache hits, points more", "points, such as 10"),
            Field("prompt", "Prompt tokens, % fewer", "per cent from 0 to 100"),
        ),
    ),
    Fields(
        "Traffic and compute",
        (
            Field("traffic", "Traffic, times", "a factor above 0, such as 2"),
            Field("replicas", "Replicas, more or fewer", "a whole number, such as 2 or -1"),
        ),
    ),
    Fields(
        "Commit, or build",
        (
            Field("commit", "Commitment, tokens a month", "a whole number of tokens above 0"),
            Field("commit_rate", "at, USD per 1,000", "USD per 1,000 tokens, such as 0.13"),
            Field("own_speed", "Own replica, tokens/s", "tokens a second above 0"),
            Field("own_usd", "at, USD a month", "USD from 0 on"),
        ),
    ),
    Fields(
        "Must hold",
        (
            Field("latency", "Mean latency, ms", "milliseconds above 0"),
            Field("price", "USD per 1,000 tokens", "USD from 0 on"),
            Field("floor", "Quality at least", "a similarity from 0 to 1, such as 0.92"),
            Field("allowed", "Only on tiers", "names of tiers, with commas"),
        ),
    ),
    Fields(
        "What serves today",
        (
            Field("tokens", "Tokens a month", "a number above 0"),
            Field(
                "tiers",
                "Tiers: name, share, USD per 1,000, tokens a request, quality, ms",
                "a line a tier: name, share, USD per 1,000, then tokens a request, quality and latency where known",
                lines=4,
            ),
            Field("replicas_now", "Replicas", "a whole number from 1 on"),
            Field("replica_usd", "USD a replica and month", "USD from 0 on"),
            Field("latency_now", "Mean latency, ms", "milliseconds above 0"),
            Field(
                "curve",
                "Latency at load: tokens/s a replica, ms",
                "a line a point: tokens a second per replica, milliseconds; rising",
                lines=4,
            ),
        ),
    ),
)
FIELDS: Mapping[str, Field] = {one.name: one for group in GROUPS for one in group.fields}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks; `text` is what stands in the form."""

    now: Now
    change: Change
    constraints: Constraints
    curve: Curve | None
    text: Mapping[str, str] = field(default_factory=dict)


def read(given: Mapping[str, str], *, measured: Now | None, curve: Curve | None) -> Asked:
    """The plan that an address asks for. Raises BadPlan, with every field that does not fit."""
    text = {name: str(given.get(name) or "").strip() for name in FIELDS}
    reader = _Reader(text)
    now = reader.now(measured)
    entered = reader.curve()
    change = reader.change()
    constraints = Constraints(
        latency_ms=reader.number("latency", above=True),
        usd_per_1k=reader.fraction("price"),
        floor=reader.number("floor", most=1),
        allowed=tuple(one.strip() for one in text["allowed"].split(",") if one.strip()),
    )
    if reader.problems or now is None:
        raise BadPlan("; ".join(reader.problems))
    return Asked(now, change, constraints, entered or curve, text)


class _Reader:
    """Texts to values; what does not fit is gathered."""

    def __init__(self, text: Mapping[str, str]) -> None:
        self._text = text
        self.problems: list[str] = []

    def bad(self, name: str, found: str = "") -> None:
        self.problems.append(f"{name}: found {(found or self._text[name])!r}, expected {FIELDS[name].expected}")

    def fraction(self, name: str, *, least: int = 0, most: int | None = None, above: bool = False) -> Fraction | None:
        text = self._text[name].replace(",", "").replace("_", "")
        if not text:
            return None
        found = _fraction(text)
        if found is None or found < least or (above and found == 0) or (most is not None and found > most):
            self.bad(name)
            return None
        return found

    def number(self, name: str, *, most: int | None = None, above: bool = False) -> float | None:
        found = self.fraction(name, most=most, above=above)
        return None if found is None else float(found)

    def change(self) -> Change:
        text = self._text
        share = self.fraction("share", most=100) or Fraction(0)
        if share and not text["target"]:
            self.bad("target", "nothing")
        if text["moved"] not in ("", TOKENS, REQUESTS):
            self.bad("moved")
        tag = self.fraction("tag_share", most=100)
        traffic = self.fraction("traffic", above=True, most=1000)
        replicas = text["replicas"] or "0"
        if not re.fullmatch(r"[+-]?\d{1,5}", replicas):
            self.bad("replicas")
            replicas = "0"
        return Change(
            traffic=Fraction(1) if traffic is None else traffic,
            move=share / 100,
            moved=text["moved"] or TOKENS,
            source=text["source"] or PRO_RATA,
            target=text["target"],
            tag_share=Fraction(1) if tag is None else tag / 100,
            cache_gain=(self.fraction("cache", least=-100, most=100) or Fraction(0)) / 100,
            prompt_cut=(self.fraction("prompt", most=100) or Fraction(0)) / 100,
            replicas=int(replicas),
            commitment=self._commitment(),
            own=self._own(),
        )

    def _commitment(self) -> Commitment | None:
        tokens, rate = self.fraction("commit", above=True), self.fraction("commit_rate")
        if (tokens is None) != (rate is None):
            self.bad("commit_rate" if rate is None else "commit", "nothing")
        if tokens is None or rate is None:
            return None
        if tokens.denominator != 1:
            self.bad("commit")
        return Commitment(int(tokens), rate)

    def _own(self) -> Own | None:
        speed, usd = self.fraction("own_speed", above=True), self.fraction("own_usd")
        if (speed is None) != (usd is None):
            self.bad("own_usd" if usd is None else "own_speed", "nothing")
        return None if speed is None or usd is None else Own(speed, usd)

    def now(self, measured: Now | None) -> Now | None:
        tokens, tiers = self.fraction("tokens", above=True), self._tiers()
        base = measured
        if base is None:
            if tokens is None or not tiers:
                self.problems.append(
                    "tokens, tiers: found nothing measured yet, expected tokens a month and the tiers that serve them"
                )
                return None
            base = Now(tokens, tiers)
        replicas, price = self.fraction("replicas_now", above=True), self.fraction("replica_usd")
        if replicas is not None and replicas.denominator != 1:
            self.bad("replicas_now")
        fleet = Fleet(
            int(replicas) if replicas is not None else base.fleet.replicas,
            price if price is not None else base.fleet.usd_per_replica_month,
        )
        latency = self.number("latency_now", above=True)
        return replace(
            base,
            tokens=tokens or base.tokens,
            tiers=tiers or base.tiers,
            # A mean that was entered has no prompt prices beside it.
            prompts=replace(base.prompts, input_usd=None, cached_usd=None)
            if tiers and base.prompts != Prompts()
            else base.prompts,
            fleet=fleet,
            latency_ms=latency if latency is not None else base.latency_ms,
        )

    def _tiers(self) -> tuple[Tier, ...]:
        lines = [line for line in self._text["tiers"].splitlines() if line.strip()]
        found = []
        for line in lines:
            name, share, usd, weight, quality, latency = ([part.strip() for part in line.split(",")] + [""] * 6)[:6]
            values = [_fraction(one) if one else None for one in (share, usd, weight, quality, latency)]
            wrong = any(
                bool(one) and value is None
                for one, value in zip((share, usd, weight, quality, latency), values, strict=True)
            )
            if (
                not name
                or values[0] is None
                or wrong
                or any(value is not None and value < 0 for value in values)
                or line.count(",") > 5
            ):
                self.bad("tiers", line.strip())
                continue
            numbers = [None if value is None else float(value) for value in values[3:]]
            found.append(Tier(name, values[0], values[1], values[2] or None, numbers[0], numbers[1]))
        whole = sum((one.share for one in found), Fraction(0))
        if len({one.name for one in found}) != len(found):
            self.bad("tiers", "a name twice")
        if found and abs(whole - 1) > Fraction(1, 200):
            self.problems.append(f"tiers: found shares that add up to {float(whole):.3f}, expected 1")
            return ()
        return tuple(replace(one, share=one.share / whole) for one in found)

    def curve(self) -> Curve | None:
        points: list[tuple[float, float]] = []
        for line in self._text["curve"].splitlines():
            if not line.strip():
                continue
            parts = [_fraction(part.strip()) for part in line.split(",")]
            if len(parts) != 2 or any(one is None or one <= 0 for one in parts):
                self.bad("curve", line.strip())
                return None
            load, latency = (float(one or 0) for one in parts)
            if points and (load <= points[-1][0] or latency < points[-1][1]):
                self.bad("curve", line.strip())
                return None
            points.append((load, latency))
        return Curve(tuple(points), ENTERED) if points else None


def _fraction(text: str) -> Fraction | None:
    """'4/7', '0.571', '57.1%', '1e6'; None for anything else."""
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    if not re.fullmatch(r"[+-]?(\d{1,30}/\d{1,30}|\d{1,30}(\.\d{0,30})?([eE]\+?\d{1,2})?|\.\d{1,30})", text):
        return None
    try:
        return Fraction(text) / (100 if percent else 1)
    except ZeroDivisionError:
        return None


# ---- back to texts ------------------------------------------------------------------------------------------------


def tiers_said(tiers: Sequence[Tier]) -> str:
    """The tiers as they are typed in, for the form."""
    return "\n".join(
        ",".join(
            (
                one.name,
                str(one.share) if one.share.denominator < 100 else f"{float(one.share) * 100:.3f}%",
                plain(one.usd_per_1k),
                plain(one.tokens_per_request, 1),
                "" if one.quality is None else f"{one.quality:.3f}",
                "" if one.latency_ms is None else f"{one.latency_ms:.1f}",
            )
        ).rstrip(",")
        for one in tiers
    )


def plain(value: Fraction | None, digits: int = 6) -> str:
    """0.14 and 250000, without zeros at the end."""
    if value is None:
        return ""
    text = f"{round(decimal(value), digits):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Preset:
    """One click: what it asks, as an address."""

    title: str
    query: str


#: A node of eight GPUs at 2.50 USD an hour, rounded: what a replica of one's own costs until a price of hardware is set.
NODE_USD_PER_MONTH = Fraction(14_400)


def presets(now: Now, *, curve: Curve | None, budget_ms: float | None) -> list[Preset]:
    """Traffic doubled; the latency budget halved, with the replicas that it takes; build against buy."""
    found = [Preset("Traffic doubled", urlencode({"traffic": 2}))]
    budget = budget_ms if budget_ms is not None else now.latency_ms
    if budget is not None:
        halved = {"latency": f"{budget / 2:g}"}
        needed = None if curve is None else replicas_for(now, curve=curve, latency_ms=budget / 2)
        if needed is not None and now.fleet.replicas is not None:
            halved["replicas"] = str(max(needed - now.fleet.replicas, 0))
        found.append(Preset("Latency budget halved", urlencode(halved)))
    speed = _saturation(curve)
    usd = now.fleet.usd_per_replica_month or NODE_USD_PER_MONTH
    if speed is not None:
        found.append(Preset("Build against buy", urlencode({"own_speed": f"{speed:.0f}", "own_usd": plain(usd, 2)})))
    return found


def _saturation(curve: Curve | None) -> float | None:
    """The greatest load that was seen: a replica carries at least as much."""
    return curve.points[-1][0] if curve is not None and curve.points else None
