from __future__ import annotations

import pytest

from incidents.diagnosis.settling import Change, Held, settle


@pytest.mark.parametrize(
    ("why", "stored", "found", "young", "expected"),
    [
        ("nothing stored yet", None, ("stall", 0.3), True, Change.REPLACE),
        ("the same leaf with fresher evidence", ("stall", 0.5), ("stall", 0.6), False, Change.REFRESH),
        ("the same leaf as the evidence fades", ("stall", 0.6), ("stall", 0.4), False, Change.KEEP),
        ("unexplained ripens into a leaf", ("unexplained", 0.2), ("stall", 0.15), False, Change.REPLACE),
        ("a leaf fades into unexplained", ("stall", 0.3), ("unexplained", 0.2), True, Change.KEEP),
        ("another leaf with more confidence", ("stall", 0.5), ("decode-slow", 0.55), False, Change.REPLACE),
        ("another leaf with as much, young", ("stall", 0.95), ("decode-slow", 0.8), True, Change.REPLACE),
        ("another leaf with less, young and weak", ("stall", 0.8), ("decode-slow", 0.6), True, Change.KEEP),
        ("another leaf with less, settled", ("stall", 0.95), ("decode-slow", 0.9), False, Change.KEEP),
    ],
)
def test_settling(
    why: str, stored: tuple[str, float] | None, found: tuple[str, float], young: bool, expected: Change
) -> None:
    assert settle(stored=Held(*stored) if stored else None, found=Held(*found), young=young) is expected, why


def test_a_replay_that_just_ran_decides_but_never_for_unexplained() -> None:
    held = Held("quality-regression", 0.8)
    assert settle(stored=held, found=Held("quality-drift", 0.5), young=False, replayed=True) is Change.REPLACE
    assert settle(stored=held, found=Held("unexplained", 0.2), young=False, replayed=True) is Change.KEEP


@pytest.mark.parametrize(
    ("why", "stored", "supported", "expected"),
    [
        ("one slow replica in the first minute, a line everywhere in the third", 0.6, 0.0, Change.REPLACE),
        ("what is still the second best", 0.6, 0.45, Change.KEEP),
        ("what was sure stays though the evidence fades", 0.9, 0.0, Change.KEEP),
    ],
)
def test_an_unsure_leaf_goes_once_nothing_supports_it(
    why: str, stored: float, supported: float, expected: Change
) -> None:
    held, found = Held("one-slow-replica", stored), Held("queue-unexplained", 0.4)
    assert settle(stored=held, found=found, young=False, supported=supported) is expected, why
    assert settle(stored=held, found=Held("unexplained", 0.2), young=False, supported=0.0) is Change.KEEP
