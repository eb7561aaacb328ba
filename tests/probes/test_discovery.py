"""Targets found in files, by HTTP, in Prometheus and in Kubernetes; they come and go, and bad answers leave them as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from probes import discovery, shape, sources
from probes.agent import Agent, ScrapeFailed
from probes.config import ProbeConfig, Target, load
from probes.exposition import series
from probes.finder import Finder
from probes.roster import Roster
from probes.sources import Source
from tests.probes.servers import nobody, serving, serving_tls, text
from tests.probes.test_agent import Memory, page

SD = [
    {"targets": ["10.0.0.1:8000", "10.0.0.2:8000"], "labels": {"service": "chat", "model": "m", "job": "vllm"}},
    {
        "targets": ["10.0.0.9:4000"],
        "labels": {"service": "chat", "tailwatch_kind": "gateway", "__metrics_path__": "/m"},
    },
    {"targets": ["10.0.0.3:8000"], "labels": {"__scheme__": "https"}},
]
ACTIVE = {
    "status": "success",
    "data": {
        "activeTargets": [
            {
                "discoveredLabels": {"__meta_kubernetes_pod_name": "chat-0", "__meta_kubernetes_namespace": "serving"},
                "labels": {"job": "vllm", "instance": "10.0.0.1:8000", "app": "chat", "version": "2"},
                "scrapeUrl": "http://10.0.0.1:8000/metrics",
                "health": "up",
            },
            {"discoveredLabels": {}, "labels": {"job": "node", "instance": "n:9100"}, "scrapeUrl": "http://n:9100/metrics", "health": "up"},
        ]
    },
}  # fmt: skip


def pod(
    name: str, *, phase: str = "Running", ip: str | None = "10.1.0.1", labels=None, annotations=None, gone=False
) -> dict:
    return {
        "metadata": {
            "name": name,
            "namespace": "serving",
            "uid": f"uid-{name}",
            "labels": {"app": "chat", **(labels or {})},
            "annotations": annotations if annotations is not None else {"prometheus.io/port": "8000"},
            **({"deletionTimestamp": "2026-11-22T10:00:00Z"} if gone else {}),
        },
        "spec": {"nodeName": "gpu-1", "containers": [{"name": "vllm", "image": "vllm:0.32"}]},
        "status": {"phase": phase, **({"podIP": ip} if ip else {})},
    }


PODS = {
    "kind": "PodList",
    "apiVersion": "v1",
    "items": [
        pod("chat-0", labels={"app.kubernetes.io/version": "3"}),
        pod(
            "chat-1",
            ip="fd00::7",
            annotations={"prometheus.io/port": "9000", "prometheus.io/path": "/prometheus/metrics"},
        ),
        pod("pending", phase="Pending"),
        pod("starting", ip=None),
        pod("going", gone=True),
        pod("mute", annotations={}),
        pod("unscraped", annotations={"prometheus.io/port": "1", "prometheus.io/scrape": "false"}),
    ],
}


def read(source: Source, answer: object) -> dict[str, Target]:
    return {one.name: one for one in discovery.read(source, json.dumps(answer), file="answer").targets}


def test_file_and_http_sd_give_targets_by_labels_and_what_says_no_service_is_left_out():
    found = discovery.read(Source("http_sd", "http://sd"), json.dumps(SD), file="sd")
    assert [(one.name, one.url, one.service, one.kind, one.model) for one in found.targets] == [
        ("10.0.0.1:8000", "http://10.0.0.1:8000/metrics", "chat", "engine", "m"),
        ("10.0.0.2:8000", "http://10.0.0.2:8000/metrics", "chat", "engine", "m"),
        ("10.0.0.9:4000", "http://10.0.0.9:4000/m", "chat", "gateway", ""),
    ]
    assert len(found.left_out) == 1
    fixed = read(Source("file_sd", "x", fixed=(("service", "code"), ("region", "eu"))), SD)
    assert (fixed["10.0.0.3:8000"].service, fixed["10.0.0.3:8000"].url) == ("code", "https://10.0.0.3:8000/metrics")
    assert {one.region for one in fixed.values()} == {"eu"}


def test_prometheus_s_target_list_gives_targets_with_their_pods():
    source = Source("prometheus", "http://prom", keep=(("job", ("vllm",)),))
    (one,) = read(source, ACTIVE).values()
    assert (one.name, one.service, one.version, one.pod) == ("vllm/10.0.0.1:8000", "chat", "2", "serving/chat-0")


def test_pods_of_this_node_that_run_and_say_where_their_metrics_are():
    found = read(Source("kubernetes", "https://api"), PODS)
    assert {name: (one.url, one.version, one.label) for name, one in found.items()} == {
        "serving/chat-0": ("http://10.1.0.1:8000/metrics", "3", "chat-0"),
        "serving/chat-1": ("http://[fd00::7]:9000/prometheus/metrics", "unknown", "chat-1"),
    }
    mute = read(Source("kubernetes", "https://api", port=7000, selector="app=chat,tier!=x", namespace="serving"), PODS)
    assert mute["serving/mute"].url == "http://10.1.0.1:7000/metrics"
    assert not read(Source("kubernetes", "https://api", selector="app=code"), PODS)


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (Source("kubernetes", "https://api"), "https://api/api/v1/pods?fieldSelector=spec.nodeName%3Dn"),
        (
            Source("kubernetes", "https://api", namespace="a", selector="app=b"),
            "https://api/api/v1/namespaces/a/pods?fieldSelector=spec.nodeName%3Dn&labelSelector=app%3Db",
        ),
        (Source("kubernetes", "https://127.0.0.1:10250"), "https://127.0.0.1:10250/pods"),
        (Source("prometheus", "http://p"), "http://p/api/v1/targets?state=active"),
    ],
)
def test_the_api_is_asked_for_this_node_s_pods(source, url):
    assert discovery.request(source, node="n") == url


@pytest.mark.parametrize("answer", ["{", "3", '[{"targets": "a:1"}]', '[{"targets": [7]}]', "[" * 100_000])
def test_an_answer_of_another_shape_is_refused_whole(answer):
    with pytest.raises(shape.ShapeError):
        discovery.read(Source("http_sd", "http://sd"), answer, file="sd")


def test_the_api_server_is_asked_with_the_token_as_it_is_now(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "gpu-1")
    token = tmp_path / "token"
    token.write_text("one\n")
    finder = Finder(timeout_seconds=0.5)
    path = "api/v1/pods?fieldSelector=spec.nodeName%3Dgpu-1"
    with serving(**{path: text(json.dumps(PODS)), "pods": text("{")}) as server:
        source = Source("kubernetes", server.url, token_file=str(token))
        assert len(finder.find(source)) == 2
        token.write_text("two\n")
        finder.find(source)
        assert [one["authorization"] for one in server.asked] == ["Bearer one", "Bearer two"]
        with pytest.raises(ScrapeFailed) as problem:
            finder.find(Source("http_sd", f"{server.url}/pods"))
        assert problem.value.reason == "malformed"
        with pytest.raises(ScrapeFailed) as problem:
            finder.find(replace(source, token_file=str(tmp_path / "none")))
        assert problem.value.reason == "connect"
    with pytest.raises(ScrapeFailed) as problem:
        finder.find(Source("http_sd", nobody()))
    assert problem.value.reason == "connect"
    finder.close()


def test_the_kubelet_is_trusted_by_the_ca_that_the_config_names_and_by_no_other(tmp_path: Path):
    finder = Finder(timeout_seconds=2.0)
    with serving_tls(tmp_path, api__v1__pods=text(json.dumps(PODS)), pods=text(json.dumps(PODS))) as server:
        at = f"https://{server.url.removeprefix('http://')}/pods"
        known = Source("http_sd", at, ca_file=str(tmp_path / "server.pem"))
        with pytest.raises(ScrapeFailed) as problem:
            finder.find(known)
        assert problem.value.reason == "malformed"  # it answered: pods are no http_sd
        with pytest.raises(ScrapeFailed) as problem:
            finder.find(Source("http_sd", at, number=1))
        assert problem.value.reason == "tls"
        with pytest.raises(ScrapeFailed) as problem:
            finder.find(Source("http_sd", at, number=2, ca_file=str(tmp_path / "none.pem")))
        assert problem.value.reason == "connect"
    finder.close()


def test_files_are_read_again_and_a_broken_one_fails_the_source(tmp_path: Path):
    finder = Finder()
    source = Source("file_sd", str(tmp_path / "*.json"))
    with pytest.raises(ScrapeFailed):
        finder.find(source)
    (tmp_path / "a.json").write_text(json.dumps(SD))
    (tmp_path / "b.json").write_text(json.dumps([{"targets": ["b:1"], "labels": {"job": "batch"}}]))
    assert [one.name for one in finder.find(source)][-1] == "b:1"
    (tmp_path / "b.json").write_text("[{")
    with pytest.raises(ScrapeFailed, match="malformed"):
        finder.find(source)
    (tmp_path / "b.json").write_bytes(b"\xff")
    with pytest.raises(ScrapeFailed, match="malformed"):
        finder.find(source)


class Found:
    def __init__(self) -> None:
        self.targets: list[Target] | Exception = []

    def find(self, source: Source):
        if isinstance(self.targets, Exception):
            raise self.targets
        return self.targets

    def held(self):
        return {}

    def on_gpus(self, targets):
        return {}


def test_pods_that_come_and_go_are_watched_and_forgotten_and_a_silent_source_changes_nothing():
    finder, memory = Found(), Memory(**{f"p-{at}": page() for at in range(60)})
    memory.pages = {name: page() for name in memory.pages}
    agent = Agent(
        ProbeConfig(discovery=(Source("http_sd", "http://sd"),), gpu="off"), memory, started=0.0, finder=finder
    )
    for turn in range(30):
        finder.targets = [Target(f"p-{at}", f"http://p-{at}", "chat", model="m") for at in range(turn, turn + 5)]
        agent.tick(15.0 * turn)
        up = {one.label("replica") for one in agent.samples() if one.name == "tailwatch_target_up"}
        assert up == {f"p-{at}" for at in range(turn, turn + 5)}
    size = len(agent.samples())
    finder.targets = ScrapeFailed("timeout", "5 s")
    agent.tick(15.0 * 30)
    found = agent.samples()
    assert found[series("tailwatch_probe_scrape_failures_total", reason="timeout", replica="http_sd-0")] == 1.0
    assert len(found) == size + 1
    assert len(agent.targets) == 5


def test_two_that_are_labelled_alike_do_not_overwrite_each_other(caplog):
    roster = Roster(())
    twins = [Target("a", "http://a", "chat", replica="r"), Target("b", "http://b", "chat", replica="r")]
    assert [one.name for one in roster.found("sd", twins)] == ["a"]
    roster.found("sd", twins)
    assert [record.message for record in caplog.records] == ["b is left out: engine chat/r is a already"]


def test_the_discovery_section_is_read_whole():
    config = load(
        """
discovery:
  - {file_sd: "/etc/targets/*.json", set: {service: chat}}
  - {kubernetes: "https://api/", namespace: serving, selector: app=vllm, port: 8000, from: {service: [team]}, keep: {tier: [gpu, big]}}
""",
        file="probes.yaml",
    )
    assert [source.name for source in config.discovery] == ["file_sd-0", "kubernetes-1"]
    assert config.discovery[1].keep == (("tier", ("gpu", "big")),)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{set: {service: a}}", "one of file_sd"),
        ("{file_sd: a, http_sd: 'http://b'}", "one of file_sd"),
        ("{http_sd: b}", "a URL"),
        ("{file_sd: a, set: {servce: b}}", "only name, service"),
        ("{file_sd: a, port: 70000}", "a number from 1"),
        ("{file_sd: a, labels: {}}", "only file_sd"),
    ],
)
def test_a_wrong_source_is_refused(entry, expected):
    with pytest.raises(shape.ShapeError, match=expected):
        sources.load(shape.read(f"discovery: [{entry}]", file="probes.yaml")["discovery"])
