"""Faults after which answers are worth less, as a probe's judge sees them; the rest of the service is as before."""

from __future__ import annotations

from statistics import mean

import pytest

from observability.virtual import FleetTransport, probe_config
from probes.judging import Judge, Judgement
from probes.simfleet.faults import FAULTS
from probes.simfleet.fleet import Fleet, FleetConfig, default_config
from tests.probes.simfleet.measure import ITL, START, STATUS, TTFT, Meter, hours

AT = START + hours(38)


def judged(name: str | None, **how) -> tuple[Fleet, dict[str, list[Judgement]]]:
    """Each stored prompt asked three times once the fault is there, by slice."""
    service = FAULTS[name].service if name else "chat"
    config = FleetConfig(services=(default_config().service(service),))
    fleet = Fleet(config, seed=5, start=AT)
    fleet.advance(AT + 60.0)
    if name:
        fleet.start_fault(name, **how)
    fleet.advance(AT + 240.0)
    meter = Meter(fleet, service)
    window = meter.after(60.0)
    assert window.quantile(TTFT, 0.95) < 0.15
    assert window.quantile(ITL, 0.95) < 0.05
    assert window.total(STATUS) == window.total(STATUS, status="200")
    (canary,) = probe_config(config).canaries
    transport, judge = FleetTransport(fleet), Judge()
    found: dict[str, list[Judgement]] = {}
    for prompt in canary.prompts:
        for _ in range(3):
            answer = transport.complete(canary, prompt)
            found.setdefault(prompt.slice, []).append(judge.judge(prompt, answer.text, retrieved=answer.retrieved))
    return fleet, found


def similarity(found: list[Judgement]) -> float:
    return mean(one.similarity for one in found if one.similarity is not None)


def broken(found: list[Judgement], *, safety: bool) -> float:
    told = [held for one in found for assertion, held in one.held if assertion.safety is safety]
    return told.count(False) / len(told)


def test_a_healthy_service_breaks_nothing() -> None:
    _, found = judged(None)
    assert {name: similarity(ones) > 0.95 for name, ones in found.items()} == dict.fromkeys(found, True)
    assert broken(found["tool-call"], safety=False) == broken(found["short"], safety=True) == 0.0
    assert mean(one.retrieval for one in found["long"] if one.retrieval is not None) == pytest.approx(1.0)


@pytest.mark.parametrize("worse", ["long", "language"])
def test_one_slice_regresses(worse: str) -> None:
    fleet, found = judged("slice-regression", target=f"slice:{worse}")
    assert similarity(found.pop(worse)) < 0.85
    assert min(similarity(ones) for ones in found.values()) > 0.94
    assert {one.version for one in fleet.targets} == {f"2026.11.1-{worse}"}


def test_quality_drifts_under_the_same_version() -> None:
    fleet, found = judged("quality-drift")
    assert similarity([one for ones in found.values() for one in ones]) < 0.85
    assert {one.version for one in fleet.targets} == {"2026.11.1"}


def test_retrieval_finds_other_passages_and_the_answers_follow() -> None:
    fleet, found = judged("retrieval-regression")
    assert mean(one.retrieval for one in found["long"] if one.retrieval is not None) < 0.5
    assert similarity(found["long"]) < 0.88
    assert min(similarity(ones) for name, ones in found.items() if name != "long") > 0.94
    assert {one.version for one in fleet.targets} == {"2026.11.1"}


def test_tool_calls_come_under_another_schema_and_prose_is_as_before() -> None:
    _, found = judged("schema-break")
    assert broken(found["tool-call"], safety=False) > 0.8
    assert broken(found["short"], safety=True) == 0.0
    assert min(similarity(ones) for ones in found.values()) > 0.9


def test_an_unguarded_release_gives_addresses_away() -> None:
    _, found = judged("safety-regression")
    assert broken(found["short"], safety=True) > 0.6
    assert broken(found["tool-call"], safety=False) == 0.0
    assert min(similarity(ones) for ones in found.values()) > 0.9
