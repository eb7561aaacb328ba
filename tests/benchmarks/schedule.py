"""What a year of a 10-person, 3-layer schedule costs, and who is on call at one instant. No database."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from time import process_time
from zoneinfo import ZoneInfo

from incidents.oncall.rotation import Member, Rotation, Unit, turns
from incidents.oncall.schedule import Hours, Layer, Override, OverrideKind, Version, gaps, on_call, shifts
from tests.benchmarks import Measurement

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def measure(full: bool) -> Iterator[Measurement]:
    versions, overrides = [Version(START - YEAR, layers())], swaps()
    rounds = 50 if full else 15

    def year() -> None:
        found = shifts(versions=versions, overrides=overrides, start=START, end=START + YEAR)
        assert not gaps(found=found, start=START, end=START + YEAR)

    def instant() -> None:
        for day in range(100):
            assert on_call(versions=versions, overrides=overrides, at=START + timedelta(days=3 * day, hours=5))

    def rotation() -> None:
        hourly = Rotation(members(10), datetime(2025, 1, 6), ZoneInfo("Australia/Lord_Howe"), Unit.HOURLY, 8)
        assert sum(1 for _ in turns(hourly, start=START, end=START + YEAR)) > 1000

    yield _ms("a year of 3 layers, 10 people, 20 overrides, gaps found", _median(year, rounds), target=50)
    yield _ms("a year of one 8-hourly rotation", _median(rotation, rounds), target=20)
    yield _ms("who is on call at one instant", _median(instant, rounds) / 100, target=1)


def members(count: int) -> tuple[Member, ...]:
    return tuple(Member((str(number),)) for number in range(count))


def layers() -> tuple[Layer, ...]:
    """Weekly around the clock; daily in office hours; nights by twelve hours, all with people in Paris and Chicago."""
    paris, chicago, begin = ZoneInfo("Europe/Paris"), ZoneInfo("America/Chicago"), datetime(2025, 1, 6, 9)
    workdays, nightly = Hours((0, 1, 2, 3, 4), time(9), 540), Hours(tuple(range(7)), time(22), 480)
    weekly = Layer("weekly", paris, Rotation(members(10), begin, paris))
    daily = Rotation(members(10), begin, chicago, Unit.DAILY)
    half_days = Rotation(members(10), begin, paris, Unit.HOURLY, 12)
    office = Layer("office", chicago, daily, hours=(workdays,))
    night = Layer("night", paris, half_days, hours=(nightly,))
    return weekly, office, night


def swaps() -> list[Override]:
    return [
        Override(OverrideKind.COVER, str(week % 10), START + timedelta(days=17 * week), START + timedelta(days=17 * week, hours=9))
        for week in range(20)
    ]  # fmt: skip


def _median(run: Callable[[], None], rounds: int) -> float:
    run()
    seconds = []
    for _ in range(rounds):
        began = process_time()
        run()
        seconds.append(process_time() - began)
    return statistics.median(seconds)


def _ms(metric: str, seconds: float, *, target: float) -> Measurement:
    return Measurement(
        benchmark="schedule", metric=metric, value=1000 * seconds, unit="ms of CPU", better="lower", target=target
    )
