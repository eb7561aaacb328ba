"""The replay suite over HTTP, against the simulated fleet's own server and against servers that misbehave."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.apps import apps

from incidents.diagnosis import replay, services
from incidents.diagnosis.replay import EVERY_SLICE, Verdict
from incidents.response.models import Incident
from observability import replays
from observability.env import SettingError
from observability.replays import HttpReplayer
from probes.config import Canary, ProbeConfig, load
from probes.prompts import Prompt
from probes.simfleet import probing
from probes.simfleet.config import FleetConfig, default_config
from probes.simfleet.orders import Order
from probes.simfleet.server import FleetServer
from tests.factories import (
    NOW,
    make_change,
    make_deployment,
    make_finding,
    make_incident,
    make_organisation,
    make_service,
)
from tests.probes.servers import Page, nobody, serving, silent, stream, text

REFERENCE = "The capital of France is Paris, on the river Seine."
WORSE = "France has a capital city which might be Lyon or Paris."


def quick_fleet() -> FleetConfig:
    """The demo's services with engines twenty times as fast, so that no test waits for tokens."""
    fleet = default_config()
    return replace(
        fleet,
        services=tuple(
            replace(one, engine=replace(one.engine, step_seconds=0.001, restart_seconds=0.2)) for one in fleet.services
        ),
    )


@pytest.fixture(scope="module")
def running() -> Iterator[FleetServer]:
    server = FleetServer(quick_fleet(), port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: FleetServer) -> Iterator[FleetServer]:
    yield running
    running.end_faults()


def suite_of(server: FleetServer) -> str:
    return yaml.safe_dump(probing.document(server.fleet.config, base_url=server.url))


def replayer_of(server: FleetServer) -> HttpReplayer:
    return HttpReplayer(load(suite_of(server), file="probes.yaml"))


def release(server: FleetServer) -> str:
    return server.fleet.pool("chat").release.version


def hand_made(url: str, *, prompts: int = 20, **given: object) -> HttpReplayer:
    """A suite of one slice, at `url`."""
    asked = tuple(Prompt(f"p{number}", f"Question {number}", references=(REFERENCE,)) for number in range(prompts))
    canary = Canary(service="chat", url=url, model="m", prompts=asked)
    return HttpReplayer(ProbeConfig(canaries=(canary,)), **given)  # type: ignore[arg-type]


def offering(*names: str) -> Page:
    return text(json.dumps({"object": "list", "data": [{"id": name} for name in names]}))


def test_two_healthy_releases_answer_alike(server: FleetServer) -> None:
    version = release(server)
    found = replay.run(replayer=replayer_of(server), service="chat", version=version, previous=version)
    assert {one.slice: one.pairs for one in found.judged} == {
        "short": 24, "long": 21, "code": 22, "language": 20, "exact-number": 20, "tool-call": 20, EVERY_SLICE: 127,
    }  # fmt: skip
    assert {one.verdict for one in found.judged} == {Verdict.SAME}
    assert found.note == f"{version} against {version}, both asked"


def test_a_quantised_release_is_worse_than_the_one_before(server: FleetServer) -> None:
    before = release(server)
    server.set_fault(Order("quality-regression", start=True))
    after = release(server)
    found = replay.run(replayer=replayer_of(server), service="chat", version=after, previous=before)
    assert len(found.worse) == 7  # each slice, and all together
    together = found.worse[-1]
    assert together.slice == EVERY_SLICE
    assert together.mean_before == pytest.approx(0.98, abs=0.02)
    assert together.mean_now == pytest.approx(0.84, abs=0.04)
    assert "assertions newly fail on" in together.sentence
    assert found.note == f"{after} against {before}, both asked"


def test_where_the_endpoint_does_not_offer_the_previous_version_references_stand_for_it(server: FleetServer) -> None:
    found = replay.run(replayer=replayer_of(server), service="chat", version=release(server), previous="2020.1")
    assert {one.verdict for one in found.judged} == {Verdict.SAME}
    assert found.note.endswith("against the stored references: the endpoint does not offer llama-8b-instruct@2020.1")


def test_an_endpoint_that_lists_no_models_is_asked_under_the_plain_name() -> None:
    with serving(v1__completions=stream(WORSE), v1__models=text("not found", status=404)) as one:
        found = replay.run(replayer=hand_made(one.url), service="chat", version="v2", previous="v1")
        assert {body["model"] for body in one.bodies} == {"m"}
        assert len(one.bodies) == 20
    assert [slice_.verdict for slice_ in found.slices] == [Verdict.WORSE]
    assert found.note.startswith("v2 against the stored references: GET /v1/models does not list versions")


def test_an_endpoint_that_is_down_is_an_answer_with_its_reason() -> None:
    url = nobody().removesuffix("/metrics")
    found = replay.run(replayer=hand_made(url), service="chat", version="v2", previous="v1")
    assert found.slices == ()
    assert found.reason.startswith("replay cannot tell, the serving version answers nothing: ")
    assert "refused" in found.reason


def test_time_runs_out_and_what_was_not_said_is_told() -> None:
    with serving(v1__completions=silent, v1__models=offering("m", "m@v1", "m@v2")) as one:
        begun = time.monotonic()
        found = replay.run(
            replayer=hand_made(one.url, limit_seconds=0.4, at_once=2), service="chat", version="v2", previous="v1"
        )
        assert time.monotonic() - begun < 2
        assert 0 < len(one.bodies) <= 4
        assert {body["model"] for body in one.bodies} <= {"m@v1", "m@v2"}
    assert found.slices == ()
    assert found.reason.startswith("replay cannot tell, the serving version answers nothing: no ")


def test_a_list_of_models_that_is_none_is_no_offer() -> None:
    with serving(v1__completions=stream(REFERENCE), v1__models=text("[1]")) as one:
        found = replay.run(replayer=hand_made(one.url), service="chat", version="v2", previous="v1")
    assert [slice_.verdict for slice_ in found.slices] == [Verdict.SAME]
    assert found.note.endswith("(malformed: no list of models under data)")


def test_a_service_without_canaries_has_no_suite() -> None:
    found = replay.run(replayer=hand_made("http://127.0.0.1:9"), service="code", version="v2", previous="v1")
    assert found.sentence == "the replay suite has no prompts with references for this service"


@pytest.mark.django_db
@pytest.mark.heavy
def test_a_drop_in_quality_ends_at_quality_regression_with_the_replay_as_evidence(
    server: FleetServer, tmp_path: Path, settings: object
) -> None:
    before = release(server)
    server.set_fault(Order("quality-regression", start=True))
    after = release(server)
    service = make_service(make_organisation(), slug="chat")
    make_deployment(service, version=before, now=NOW - timedelta(days=1))
    make_deployment(service, version=after, now=NOW - timedelta(minutes=4))
    make_change(service, now=NOW - timedelta(minutes=4), before={"version": before}, after={"version": after})
    make_finding(service, evidence={"objective": "answers", "indicator": "quality"})
    path = tmp_path / "probes.yaml"
    path.write_text(suite_of(server))
    settings.TAILWATCH_REPLAY_SUITE = str(path)  # type: ignore[attr-defined]
    apps.get_app_config("observability").ready()
    try:
        incident = make_incident(service)
        services.diagnose(incident=incident, now=NOW)
        assert incident.diagnosis["replay"]["pending"] is True
        assert services.replay_due(now=NOW + timedelta(seconds=15)) == 1
        services.diagnose_open(now=NOW + timedelta(seconds=45))
    finally:
        replay.unregister()
    stored = Incident.objects.get(pk=incident.pk)
    assert stored.leaf == "quality-regression"
    assert {"quality_drop=yes", "replay=worse", "version_changed=yes"} <= set(stored.diagnosis["path"])
    [evidence] = [
        one
        for node in stored.diagnosis["nodes"]
        if node["id"] == "replay"
        for one in node["evidence"]
        if one["signal"] == "replay_slices_worse"
    ]
    assert evidence["value"] >= 1
    assert f"{after} against {before}, both asked" in evidence["sentence"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "No such file or directory"),
        ("canaries: [{service: chat}]", r"canaries\[0\]"),
        ("targets: []\ngpu: auto", "no prompt with a reference"),
    ],
)
def test_a_suite_that_is_none_stops_the_start_with_a_sentence(tmp_path: Path, written: str | None, said: str) -> None:
    path = tmp_path / "probes.yaml"
    if written is not None:
        path.write_text(written)
    with pytest.raises(SettingError, match=rf"^Setting TAILWATCH_REPLAY_SUITE: found .*{said}"):
        replays.configure(str(path))
    assert replay.replayer_of("chat") is None
