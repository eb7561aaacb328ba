"""The 100 ms of a token: worked figures of docs/probes.md and REQUIREMENTS R3."""

from __future__ import annotations

import pytest

from probes.slices import split
from sloengine.tokentime.budget import SLICES, WHOLE_SECONDS, budget_of, token_time


def test_the_shares_are_the_whole() -> None:
    assert sum(SLICES.values()) == pytest.approx(WHOLE_SECONDS)
    assert {name: round(seconds * 1000) for name, seconds in SLICES.items()} == {
        "network": 30, "host": 10, "kernel": 20, "compute": 40,
    }  # fmt: skip


def test_the_worked_example() -> None:
    found = token_time(split(client=0.090, engine=0.080, busy=0.95, active=0.60))
    assert {one.name: round(one.seconds, 3) for one in found.slices} == {
        "network": 0.010, "host": 0.004, "kernel": 0.028, "compute": 0.048,
    }  # fmt: skip
    assert {one.name for one in found.over} == {"kernel", "compute"}
    assert found.seconds == pytest.approx(0.090)
    assert found.missing == ()


@pytest.mark.parametrize(
    ("given", "names", "missing"),
    [
        ({"client": 0.09, "engine": 0.08, "busy": 0.9, "active": None}, ["network", "host", "kernel+compute"], ()),
        ({"client": 0.09, "engine": 0.08, "busy": None, "active": None}, ["network", "host+kernel+compute"], ()),
        ({"client": None, "engine": 0.08, "busy": None, "active": None}, ["host+kernel+compute"], ("network",)),
        ({"client": 0.09, "engine": None, "busy": None, "active": None}, ["network+host+kernel+compute"], ()),
        ({"client": None, "engine": None, "busy": 0.9, "active": 0.5}, [], ("network", "host", "kernel", "compute")),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_joint(given, names, missing) -> None:
    found = token_time(split(**given))
    assert [one.name for one in found.slices] == names
    assert found.missing == missing
    assert [one.joint for one in found.slices] == ["+" in name for name in names]


def test_a_joint_slice_has_the_budgets_of_its_parts() -> None:
    assert budget_of("kernel+compute") == pytest.approx(0.060)
    assert budget_of("all") == pytest.approx(0.100)
    assert budget_of("dns") is None


def test_opening_a_connection_is_beside_the_budget() -> None:
    found = token_time({"network": 0.02, "tls": 0.00075, "compute": 0.03, "something new": 1.0})
    assert found.seconds == pytest.approx(0.05)
    assert found.opening == (("tls", 0.00075),)


def test_nothing_measured_is_no_time() -> None:
    assert token_time({}).seconds is None
