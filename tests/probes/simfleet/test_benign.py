"""What happens every week hurts nobody: no request fails, none is late, and it is over when it is over."""

from __future__ import annotations

import pytest

from probes.simfleet.faults import BENIGN
from probes.simfleet.fleet import TargetDown
from tests.probes.simfleet.measure import ITL, START, STATUS, TTFT, hours
from tests.probes.simfleet.test_fault_library import play

NIGHT = START + hours(26)


@pytest.mark.parametrize("name", BENIGN)
def test_a_benign_event_costs_no_request_and_no_time(name: str) -> None:
    assert BENIGN[name].benign
    it = play(name, lead=0.0, seconds=600.0)
    it.fleet.stop_fault(name)
    after = it.meter.after(600.0)
    for window in (it.during, after):
        assert window.quantile(TTFT, 0.95) < 0.2
        assert window.quantile(ITL, 0.95) < 0.05
        assert window.total(STATUS, status="200") == window.total(STATUS)
    assert len(it.pool.replicas) == it.pool.config.replicas
    assert not it.pool.drained


def test_a_deploy_changes_the_version_and_it_stays() -> None:
    it = play("deploy")
    assert {one.version for one in it.fleet.targets} == {"2026.11.1+1"}
    it.fleet.stop_fault("deploy")
    assert it.pool.release.version == "2026.11.1+1"


def test_during_a_gap_the_page_does_not_answer_and_requests_do() -> None:
    it = play("scrape-gap", lead=10.0, seconds=20.0)
    with pytest.raises(TargetDown):
        it.fleet.scrape("chat-1")
    assert it.fleet.complete("chat", "hello", 8, replica="chat-1").outcome == "ok"
    it.fleet.advance(it.fleet.now + 60.0)
    assert it.fleet.scrape("chat-1")


@pytest.mark.parametrize("at", [START + hours(38), NIGHT], ids=["afternoon", "night"])
def test_a_healthy_fleet_preempts(at: float) -> None:
    it = play("preemptions", at=at, lead=120.0, seconds=600.0)
    share = it.during.total("vllm:num_preemptions_total") / it.during.total("vllm:request_prompt_tokens_count")
    assert 0.03 < share < 0.12
    assert it.during.quantile(TTFT, 0.95) < 0.2


def test_a_peak_rises_and_falls() -> None:
    it = play("diurnal-peak", lead=660.0, seconds=120.0)
    assert it.during.total(STATUS) / it.during.seconds > 1.3 * it.before.total(STATUS) / it.before.seconds
