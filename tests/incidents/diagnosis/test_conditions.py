from __future__ import annotations

import pytest

from incidents.diagnosis.conditions import BadConditionError, Group, judge, parse_test
from incidents.diagnosis.evidence import Answer
from incidents.diagnosis.signals import Table, sentence, text

YES, NO, UNTOLD = "kv_cache > 50 %", "queue_share > 50 %", "prefill_share > 50 %"
TOLD = Table({"kv_cache": 0.9, "queue_share": 0.1})


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("any", [YES, NO, UNTOLD], True),
        ("any", [NO, UNTOLD], False),
        ("any", [UNTOLD], None),
        ("all", [YES, UNTOLD], None),
        ("all", [NO, UNTOLD], False),
        ("all", [YES], True),
    ],
)
def test_groups_judge_with_cannot_tell(kind: str, members: list[str], expected: bool | None) -> None:
    group = Group("any" if kind == "any" else "all", tuple(parse_test(member) for member in members))
    verdict = judge(condition=group, signals=TOLD)
    assert verdict.holds is expected
    assert len(verdict.evidence) == len(members)


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("ttft_p95 > 250 ms", 0.25),
        ("ttft_p95 < 2 s", 2.0),
        ("queue_share > 50 %", 0.5),
        ("prefix_hit_fall > 5 points", 0.05),
        ("burn_rate > 14.4 x", 14.4),
    ],
)
def test_thresholds_are_in_base_units(written: str, limit: float) -> None:
    assert parse_test(written).limit == pytest.approx(limit)


@pytest.mark.parametrize(
    "written", ["", "ttft_p95", "ttft_p95 >= 1 s", "ttft_p95 > s", "ttft > 1 s", "ttft_p95 > 1", "ttft_p95 > 1 %"]
)
def test_what_is_no_condition_says_what_was_expected(written: str) -> None:
    with pytest.raises(BadConditionError) as bad:
        parse_test(written)
    assert bad.value.expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(0.71, "ratio", "71 %"), (0.0004, "ratio", "0.04 %"), (0.391, "s", "391 ms"), (2.5, "s", "2.5 s"),
     (20.1, "x", "20.1 times"), (42, "per_s", "42 per second"),
     (61234, "count", "61,234")],
)  # fmt: skip
def test_values_read_as_people_say_them(value: float, unit: str, expected: str) -> None:
    assert text(value, unit) == expected


def test_sentences() -> None:
    assert sentence("queue_share", Answer(0.71)) == "Queueing is 71 % of the time to first token (mean share)"
    assert sentence("traffic_factor", Answer(2.31, detail="from 42 to 97 per second")) == (
        "Requests arrive 2.31 times as often as before (from 42 to 97 per second)"
    )
    assert sentence("replicas_down", Answer(1)) == "1 replica does not answer the probe"
    assert (
        sentence("kv_cache", Answer(None, reason="no data"))
        == "Cannot tell the share of KV-cache blocks in use: no data"
    )
