"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from observability.core import words

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7800, "2 h 10 min"),
        (86400, "1 d"),
        (273600, "3 d 4 h"),
    ],
)
def test_duration(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_ago_and_to_come() -> None:
    assert words.ago(at=NOON - timedelta(minutes=4), now=NOON) == "4 min ago"
    assert words.ago(at=NOON + timedelta(seconds=90), now=NOON) == "in 1 min"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0.0042, "4.2 ms"),
        (0.391, "391 ms"),
        (2.1, "2.1 s"),
        (9.96, "10 s"),
        (45, "45 s"),
        (130, "2 min"),
        (float("inf"), "over the last bucket"),
    ],
)
def test_a_latency(value: float | None, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.806, "80.6 %"),
        (0.95, "95 %"),
        (1, "100 %"),
        (0.00004, "0.004 %"),
        (1e-9, "under 0.0001 %"),
        (-0.4, "-40 %"),
    ],
)
def test_a_share(ratio: float | None, said: str) -> None:
    assert words.percent(ratio) == said


@pytest.mark.parametrize(
    ("ratio", "said"), [(None, "–"), (0.5, "50 %"), (0, "0 %"), (-0.4, "spent 1.4x"), (-537.1, "spent 538x")]
)
def test_what_is_left_of_a_budget(ratio: float | None, said: str) -> None:
    assert words.left(ratio) == said


@pytest.mark.parametrize(
    ("target", "said"), [(Decimal("0.9995"), "99.95 %"), (Decimal("0.999000"), "99.9 %"), (None, "–")]
)
def test_a_target_keeps_its_nines(target: Decimal | None, said: str) -> None:
    assert words.target(target) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (Decimal("0.112"), "$0.112"), (0, "$0.00"), (1234.5, "$1,234.50"), (2_280_000, "$2,280,000")],
)
def test_money(value: float | None, said: str) -> None:
    assert words.usd(value) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (None, "x", "no data"),
        (20.13, "x", "20.1x"),
        (0.391, "s", "391 ms"),
        (0.71, "ratio", "71 %"),
        (20900, "", "20,900"),
        (4.2, "requests/s", "4.2 requests/s"),
    ],
)
def test_evidence(value: float | None, unit: str, said: str) -> None:
    assert words.quantity(value=value, unit=unit) == said


def test_a_list_in_words() -> None:
    assert (words.listed([]), words.listed(["a"]), words.listed(["a", "b", "c"])) == ("", "a", "a, b and c")


def test_how_many_times() -> None:
    assert [words.factor(value) for value in (1.42, 20.13, 984.6, 12345.6)] == ["1.42", "20.1", "985", "12,346"]
