"""Engines' own series as a Prometheus holds them: whose they are, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from probes.config import Target
from probes.exposition import Samples, Series, series
from probes.replica import Translator as PageTranslator
from sloengine.sources.engines import Naming, Translator, own_names
from sloengine.sources.prometheus import PrometheusSource
from tests import servers
from tests.conftest import NOW
from tests.sloengine.histories import blocks, scraped_fleet


def vllm(pod: str, *, host: str = "10.0.0.1", service: str = "chat", ok: float = 5.0, **more: str) -> Samples:
    own = {"job": service, "instance": f"{host}:8000", "pod": pod, "service": service, **more}
    return {
        series("vllm:num_requests_running", model_name="llama", engine="0", **own): 3.0,
        series("vllm:request_success_total", model_name="llama", engine="0", finished_reason="stop", **own): ok,
        series("vllm:time_to_first_token_seconds_bucket", model_name="llama", engine="0", le="0.25", **own): ok,
        series("vllm:time_to_first_token_seconds_count", model_name="llama", engine="0", **own): ok,
        series("process_start_time_seconds", **own): 1000.0,
        series("up", **own): 1.0,
    }


def dcgm(uuid: str, *, host: str = "10.0.0.1", **more: str) -> Samples:
    own = {"job": "dcgm", "instance": f"{host}:9400", "UUID": uuid, **more}
    return {series("DCGM_FI_DEV_SM_CLOCK", **own): 210.0, series("DCGM_FI_DEV_GPU_UTIL", **own): 50.0}


def canonical(*parts: Samples) -> Samples:
    return Translator(Naming()).canonical({key: value for part in parts for key, value in part.items()})


def test_a_target_becomes_what_the_agent_makes_of_the_same_page() -> None:
    page = vllm("chat-0")
    made = canonical(page)
    own = {"job", "instance", "pod", "service"}
    bare = {one.without(*own): value for one, value in page.items() if one.name != "up"}
    target = Target(name="chat-0", url="http://10.0.0.1:8000/metrics", service="chat")
    expected = PageTranslator(target).canonical(bare)
    assert {one: value for one, value in made.items() if one.name != "tailwatch_target_up"} == expected
    up = series(
        "tailwatch_target_up", service="chat", replica="chat-0", model="llama", version="unknown", region="unknown"
    )
    assert made[up] == 1.0


def test_a_target_that_is_down_keeps_its_name_and_model() -> None:
    translator = Translator(Naming())
    translator.canonical(vllm("chat-0"))
    down = {one: 0.0 for one in vllm("chat-0") if one.name == "up"}
    assert translator.canonical(down) == {
        series(
            "tailwatch_target_up", service="chat", replica="chat-0", model="llama", version="unknown", region="unknown"
        ): 0.0
    }
    assert translator.found[0].up is False


def test_up_of_jobs_that_no_engine_is_in_says_nothing() -> None:
    assert (
        canonical(
            {series("up", job="node", instance="a:9100"): 1.0, series("node_load1", job="node", instance="a:9100"): 2.0}
        )
        == {}
    )


def gpu_of(made: Samples) -> tuple[str | None, str | None]:
    (one,) = [each for each in made if each.name == "tailwatch_gpu_utilisation_ratio"]
    return one.label("service"), one.label("replica")


@pytest.mark.parametrize(
    ("parts", "whose"),
    [
        pytest.param(
            [vllm("chat-0"), dcgm("GPU-1", exported_pod="chat-0", pod="dcgm-x")], ("chat", "chat-0"), id="by pod"
        ),
        pytest.param([vllm("chat-0"), dcgm("GPU-1")], ("chat", "chat-0"), id="by host"),
        pytest.param(
            [vllm("chat-0"), vllm("chat-1", node="n"), dcgm("GPU-1")],
            ("chat", "unjoined"),
            id="two replicas on the host",
        ),
        pytest.param([vllm("chat-0"), dcgm("GPU-1", host="10.0.0.9")], ("unknown", "unjoined"), id="another host"),
    ],
)
def test_a_gpu_belongs_to_the_replica_that_its_series_name_or_that_is_alone_on_its_host(
    parts: list[Samples], whose: tuple[str, str]
) -> None:
    if len(parts) == 3:  # the same address, another port
        parts[1] = {
            Series(
                one.name, tuple(("instance", "10.0.0.1:8001") if pair[0] == "instance" else pair for pair in one.labels)
            ): value
            for one, value in parts[1].items()
        }
    assert gpu_of(canonical(*parts)) == whose


def test_where_a_gateway_counts_a_services_requests_its_engines_do_not() -> None:
    gateway = series(
        "litellm_proxy_total_requests_metric_total", job="gw", instance="gw:4000", service="chat", status_code="503"
    )
    made = canonical(vllm("chat-0"), {gateway: 4.0})
    counted = {
        one.label("replica"): value for one, value in made.items() if one.name == "tailwatch_requests_total" and value
    }
    assert counted == {"gw:4000": 4.0}


def test_general_names_are_not_read_of_every_job() -> None:
    own, general = own_names(Naming().known())
    assert "up" in general
    assert "process_start_time_seconds" in general
    assert "vllm:num_requests_running" in own
    assert not set(own) & set(general)


@pytest.mark.heavy
def test_a_fleet_is_read_from_a_real_prometheus_without_a_probe(
    prometheus_server: Callable[..., servers.Server], tmp_path: Path
) -> None:
    minute = timedelta(minutes=1)
    readings = list(scraped_fleet(start=NOW, end=NOW + 4 * minute, step=minute))
    strangers = {
        series("up", job="node", instance="a:9100"): 1.0,
        series("process_start_time_seconds", job="node", instance="a:9100"): 5.0,
    }
    for reading in readings:
        reading.samples.update(strangers)  # type: ignore[attr-defined]
    server = prometheus_server("global: {}\n", blocks=blocks(readings, tmp_path / "history"))
    source = PrometheusSource(server.url, naming=Naming())
    told = Translator(Naming())
    for reading in readings:
        expected = told.canonical({one: value for one, value in reading.samples.items() if one not in strangers})
        assert source.read(reading.at).samples == pytest.approx(expected)
    assert {(one.kind, one.origin.service) for one in source.found} >= {
        ("engine", "chat"),
        ("engine", "code"),
        ("engine", "batch"),
    }
    assert sum(one.kind == "engine" for one in source.found) == 9
    instants = [reading.at for reading in readings]
    again = PrometheusSource(server.url, naming=Naming(), most_samples=3000)
    assert [reading.samples for reading in again.read_range(instants)] == [source.read(at).samples for at in instants]
