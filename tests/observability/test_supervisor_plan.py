"""Which children, in which order, back after how long: plain values."""

from __future__ import annotations

import signal

import pytest

from observability.supervisor import plan
from observability.supervisor.plan import Child, Rank, Reason, Restart


@pytest.mark.parametrize(
    ("web", "probe", "fleet"),
    [(8000, 9840, 9850), (8123, 9963, 9973), (65000, 63160, 63150)],
    ids=["the default gives the documented ports", "another moves all three", "near the top they move down"],
)
def test_ports_move_together(web: int, probe: int, fleet: int) -> None:
    assert plan.ports(web) == plan.Ports(web=web, probe=probe, fleet=fleet)


@pytest.mark.parametrize(
    ("lives", "expected"),
    [
        ([3600.0], Restart(0.5, Reason.LIVED_WELL)),
        ([0.1], Restart(0.5, Reason.LIVED_WELL)),
        ([0.1, 0.1], Restart(1.0, Reason.DIED_AGAIN)),
        ([0.1] * 6, Restart(16.0, Reason.DIED_AGAIN)),
        ([0.1] * 7, Restart(30.0, Reason.WAITS_LONGEST)),
        ([0.1] * 5000, Restart(30.0, Reason.WAITS_LONGEST)),
        ([0.1] * 7 + [60.0], Restart(0.5, Reason.LIVED_WELL)),
        ([60.0, 0.1, 0.1, 0.1], Restart(2.0, Reason.DIED_AGAIN)),
    ],
    ids=[
        "an hour is a good life",
        "a first quick death is forgiven",
        "a second waits twice as long",
        "a sixth waits 16 s",
        "a seventh would wait 32 s and waits 30",
        "it never waits longer",
        "one good life starts anew",
        "only what came after the good life counts",
    ],
)
def test_a_dead_child_comes_back(lives: list[float], expected: Restart) -> None:
    assert plan.restart(lives) == expected


def workers() -> dict[str, Child]:
    found = plan.workers(python="py", at=plan.ports(8000), probe_config="p.yaml", own_settings="g.py")
    return {child.name: child for child in found}


def test_the_parts_and_where_they_listen() -> None:
    assert list(workers()) == ["web", "fast", "slow", "beat", "probe"]
    assert "127.0.0.1:8000" in workers()["web"].argv
    assert plan.fleet(python="py", at=plan.ports(8000), control_secret="s").argv[-1] == "9850"


def test_slow_work_is_niced_and_on_its_own_queue() -> None:
    slow = workers()["slow"]
    assert slow.nice == 10
    assert slow.argv[slow.argv.index("-Q") + 1] == "slow"
    assert slow.argv[slow.argv.index("-c") + 1] == "2"  # a replay takes minutes; the heart beats beside it


def test_work_stops_before_the_servers_that_it_writes_to() -> None:
    postgres = Child("postgres", ("postgres",), rank=Rank.SERVER, stop_signal=signal.SIGINT)
    web, fast = Child("web", ("web",)), Child("fast", ("fast",))
    assert plan.stop_order([postgres, web, fast]) == ((web, fast), (postgres,))
    assert plan.stop_order([web]) == ((web,),)


def test_small_talk_is_not_shown() -> None:
    child = Child("postgres", ("postgres",), small_talk=("is ready",))
    assert not child.worth_showing("LOG:  the system is ready now")
    assert child.worth_showing("ERROR:  relation does not exist")
