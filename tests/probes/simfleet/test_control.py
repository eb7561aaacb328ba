"""Orders to the simulated gateway: signed, once a key, and by mechanism: places, processes and the router, never a metric."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from incidents.paging import signature
from probes import signing
from probes.simfleet.__main__ import main
from probes.simfleet.config import default_config
from probes.simfleet.control import Control
from probes.simfleet.fleet import Fleet
from probes.simfleet.server import FleetServer

START = 1_795_000_000.0
SECRET = "s3cret"


@pytest.fixture
def fleet() -> Fleet:
    built = Fleet(default_config(), seed=1, start=START)
    built.advance(START + 60)
    return built


@pytest.fixture
def control(fleet: Fleet) -> Control:
    return Control(fleet, secret=SECRET)


def order(control: Control, action: str, *, key: str = "k", **more: Any) -> tuple[int, dict[str, Any]]:
    parameters = {name: value for name, value in more.items() if name not in {"undo", "dry_run", "service"}}
    document: dict[str, Any] = {"action": action, "parameters": parameters}
    document |= {name: more[name] for name in ("undo", "dry_run") if name in more}
    body = json.dumps(document).encode()
    at = int(control._fleet.now)
    headers = {signing.HEADER: signing.sign(secret=SECRET, body=body, at=at), "Idempotency-Key": key}
    return control.answer(more.get("service", "chat"), body=body, headers=headers)


def later(fleet: Fleet, seconds: float) -> None:
    fleet.advance(fleet.now + seconds)


def test_the_probes_scheme_is_the_one_that_outbound_webhooks_carry() -> None:
    header = signature.sign(secret="s", body=b"{}", at=1)
    assert (signing.HEADER, signing.sign(secret="s", body=b"{}", at=1)) == (signature.HEADER, header)
    assert signing.refusal(secret="s", body=b"{}", header=header, now=200) == ""


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("", "is not t=<unix seconds>"),
        (signing.sign(secret="other", body=b"{}", at=int(START)), "does not fit"),
        (signing.sign(secret=SECRET, body=b"{}", at=1), "too old"),
    ],
)
def test_what_is_not_signed_is_not_taken(control: Control, header: str, why: str) -> None:
    status, answer = control.answer("chat", body=b"{}", headers={signing.HEADER: header})
    assert status == 401
    assert why in answer["error"]


def test_without_a_secret_nothing_is_taken(fleet: Fleet) -> None:
    assert Control(fleet, secret="").answer("chat", body=b"{}", headers={})[0] == 403


@pytest.mark.parametrize(
    ("action", "parameters", "status", "said"),
    [
        ("dance", {}, 400, "expected action"),
        ("drain", {"replica": "chat-9"}, 409, "there are chat-0"),
        ("tighten_admission", {"limits": {"vip": 1}}, 409, "there are live, standard"),
        ("tighten_admission", {"limits": {"live": -1}}, 409, "limits: expected"),
        ("scale_out", {"replicas": 2}, 409, "there are 4 already"),
        ("rollback", {}, 409, "no release ran before"),
        ("fail_over", {"region": "eu-west", "service": "code"}, 409, "would leave no replica"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(
    control: Control, action: str, parameters: dict[str, Any], status: int, said: str
) -> None:
    got, answer = order(control, action, **parameters)
    assert got == status
    assert said in answer["error"]


def test_a_dry_run_changes_nothing(control: Control, fleet: Fleet) -> None:
    assert order(control, "drain", replica="chat-0", dry_run=True)[0] == 200
    assert fleet.pool("chat").drained == set()


def test_a_restart_ends_a_hang_and_the_same_key_restarts_once(control: Control, fleet: Fleet) -> None:
    fleet.start_mechanism("hang", service="chat", replica=1)
    later(fleet, 30)
    assert fleet.complete("chat", "hello", 4, replica="chat-1").outcome == "timeout"
    assert order(control, "warm_restart", replica="chat-1")[1]["state"] == "running"
    later(fleet, 25)
    started = fleet.pool("chat").replicas[1].started
    assert order(control, "warm_restart", replica="chat-1")[1]["state"] == "done"
    assert fleet.complete("chat", "hello", 4, replica="chat-1").outcome == "ok"
    later(fleet, 60)
    assert fleet.pool("chat").replicas[1].started == started


def test_a_healthy_replica_finishes_what_it_has_before_it_restarts(control: Control, fleet: Fleet) -> None:
    before = fleet.pool("chat").gateway.outcomes()
    order(control, "warm_restart", replica="chat-0")
    later(fleet, 90)
    after = fleet.pool("chat").gateway.outcomes()
    assert (after["error"], after["rejected"]) == (before["error"], before["rejected"])
    assert after["ok"] > before["ok"]


def test_a_drained_replica_gets_nothing_until_it_is_taken_back(control: Control, fleet: Fleet) -> None:
    order(control, "drain", key="d", replica="chat-0")
    later(fleet, 60)
    engine = fleet.pool("chat").replicas[0].engine
    assert engine.outstanding == 0
    status, answer = order(control, "drain", key="u", undo="d")
    assert (status, answer["state"]) == (200, "done")
    later(fleet, 20)
    assert engine.outstanding > 0
    assert order(control, "drain", key="v", undo="nothing")[0] == 409


def test_admission_by_tag_empties_the_queue_of_a_spike(control: Control, fleet: Fleet) -> None:
    """1.6 clients a place wait for ever; with places for 112 of the 144, nobody waits and the rest is told so."""
    fleet.start_fault("traffic-spike")
    later(fleet, 90)
    pool = fleet.pool("chat")
    assert pool.waiting > 40
    order(control, "tighten_admission", limits={"live": 90, "standard": 22})
    later(fleet, 60)
    rejected = pool.gateway.outcomes()["rejected"]
    assert pool.waiting == 0
    assert rejected > 100
    order(control, "tighten_admission", key="u", undo="k")
    later(fleet, 60)
    assert pool.waiting > 40


def test_scaled_out_replicas_serve_and_undo_takes_them_away(control: Control, fleet: Fleet) -> None:
    assert order(control, "scale_out", replicas=6)[1]["state"] == "running"
    later(fleet, 60)
    assert order(control, "scale_out", replicas=6)[1]["state"] == "done"
    assert fleet.replica("chat-5") is not None
    later(fleet, 30)
    assert fleet.pool("chat").replicas[5].engine.counters.prompt_tokens > 0
    order(control, "scale_out", key="u", undo="k")
    assert fleet.replica("chat-5") is None


def test_a_rollback_brings_the_release_before_back(control: Control, fleet: Fleet) -> None:
    fleet.start_fault("quality-regression")
    later(fleet, 120)
    pool = fleet.pool("chat")
    worse = pool.release
    order(control, "rollback")
    later(fleet, 120)
    assert order(control, "rollback")[1]["state"] == "done"
    assert {replica.release.version for replica in pool.replicas} == {"2026.11.1"}
    assert pool.previous is worse


def test_a_region_that_is_left_gets_no_requests() -> None:
    config = default_config()
    chat = replace(config.service("chat"), regions=("eu-west", "us-east"))
    fleet = Fleet(replace(config, services=(chat,)), seed=1, start=START)
    fleet.advance(START + 30)
    assert order(Control(fleet, secret=SECRET), "fail_over", region="us-east")[0] == 200
    later(fleet, 60)
    there = [replica for replica in fleet.pool("chat").replicas if replica.region == "us-east"]
    assert [replica.engine.outstanding for replica in there] == [0, 0]


def test_over_http_the_gateway_takes_a_signed_order_and_no_other() -> None:
    server = FleetServer(default_config(), port=0, control_secret=SECRET)
    server.start()
    try:
        body = json.dumps({"action": "drain", "parameters": {"replica": "code-0"}, "key": "one"}).encode()
        for headers, status in (
            ({}, 401),
            ({signing.HEADER: signing.sign(secret=SECRET, body=body, at=int(server.fleet.now))}, 200),
        ):
            with closing(HTTPConnection(server.host, server.port, timeout=10)) as connection:
                connection.request("POST", "/control/code", body, headers)
                assert connection.getresponse().status == status
        assert server.fleet.pool("code").drained == {0}
    finally:
        server.stop()


def test_a_secret_file_that_is_empty_or_missing_ends_the_start_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text("\n")
    for name in ("empty", "missing"):
        assert main(["--port", "0", "--control-secret-file", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.count("expected a") == 2
