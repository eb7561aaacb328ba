from __future__ import annotations

import json
from pathlib import Path

import pytest

from probes import config, prompts
from probes.assertions import Assertion
from probes.config import Target
from probes.shape import ShapeError

GOOD = """
targets:
  - {name: chat-0, url: "http://10.0.0.1:8000/metrics", service: chat, model: m, version: "1", region: eu, gpus: GPU-1}
  - {name: gateway, url: "http://10.0.0.9:4000/metrics", service: chat, kind: gateway}
scrape_interval_seconds: 5
canaries:
  - service: chat
    url: http://10.0.0.9:4000/
    model: m
    prompts:
      - {name: sum, text: "17 * 23?", references: "391", assertions: [{number: 391}]}
      - {name: capital, text: "Capital of France?", slice: short}
    references_file: references.yaml
gpu: off
listen: 127.0.0.1:9999
"""
REFERENCES = {"references.yaml": "references: {capital: [Paris, It is Paris.]}"}


def load(text: str = GOOD) -> config.ProbeConfig:
    return config.load(text, file="probes.yaml", read_file=REFERENCES.__getitem__)


def test_a_configuration_is_read_whole():
    loaded = load()
    assert loaded.targets[0] == Target(
        "chat-0", "http://10.0.0.1:8000/metrics", "chat", model="m", version="1", region="eu", gpus=("GPU-1",)
    )
    assert (loaded.targets[1].kind, loaded.targets[1].version, loaded.targets[1].label) == (
        "gateway",
        "unknown",
        "gateway",
    )
    (canary,) = loaded.canaries
    assert (canary.url, canary.api, canary.interval_seconds) == ("http://10.0.0.9:4000", "completions", 30.0)
    assert canary.prompts[0].assertions == (Assertion("number", number=391.0),)
    assert canary.prompts[1].references == ("Paris", "It is Paris.")
    assert (loaded.gpu, loaded.host, loaded.port, loaded.scrape_interval_seconds) == ("off", "127.0.0.1", 9999, 5.0)


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ("service: chat, kind: gateway", "kind: gateway", "targets[1].service", "a text"),
        ("kind: gateway", "kind: gatway", "targets[1].kind", "one of engine, gateway, gpu"),
        ('"http://10.0.0.1:8000/metrics"', "10.0.0.1", "targets[0].url", "a URL with http:// or https://"),
        ("name: gateway", "name: chat-0", "targets", "each name once"),
        ("kind: gateway", "replica: chat-0", "targets", "each name once"),
        ("name: gateway", "nam: gateway", "targets[1]", "only name"),
        ("scrape_interval_seconds: 5", "scrape_interval_seconds: 0", "scrape_interval_seconds", "a number from 1 to 300"),
        ("scrape_interval_seconds: 5", "scrape_intervall: 5", "(whole file)", "only targets"),
        ("number: 391", "number: many", "canaries[0].prompts[0].assertions[0].number", "a number"),
        ("{number: 391}", "{number: 391, regex: a}", "canaries[0].prompts[0].assertions[0]", "exactly one of"),
        ("{number: 391}", '{regex: "("}', "canaries[0].prompts[0].assertions[0].regex", "a regular expression"),
        ("{number: 391}", '{json: "items"}', "canaries[0].prompts[0].assertions[0].json", "a path as"),
        ("gpu: off", "gpu: maybe", "gpu", "one of auto, on, off, simulated"),
        ("127.0.0.1:9999", "9999/tcp", "listen", "address:port"),
        ("127.0.0.1:9999", "127.0.0.1:99999", "listen", "address:port"),
        ("name: capital", "name: sum", "canaries[0].prompts", "each name once"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_path_found_and_expected(old, new, path, expected):
    with pytest.raises(ShapeError) as problem:
        load(GOOD.replace(old, new))
    assert problem.value.path == path
    assert expected in problem.value.expected


def test_a_references_file_that_cannot_be_read_is_named():
    def missing(name: str) -> str:
        raise FileNotFoundError(2, "No such file", name)

    with pytest.raises(ShapeError, match=r"canaries\[0\]\.references_file.*No such file"):
        config.load(GOOD, file="probes.yaml", read_file=missing)


@pytest.mark.parametrize("text", ["", "[]", "targets: 3", "gpu: off"])
def test_a_file_that_asks_for_nothing_is_refused(text):
    with pytest.raises(ShapeError):
        load(text)


def test_targets_from_a_url_may_carry_more_than_we_know():
    page = [
        {
            "name": "a",
            "url": "http://a/metrics",
            "service": "s",
            "kind": "gpu",
            "replica": "",
            "gpus": ["GPU-1"],
            "zone": 3,
        }
    ]
    assert config.targets(json.dumps(page), file="http://fleet/targets") == (
        Target("a", "http://a/metrics", "s", kind="gpu", gpus=("GPU-1",)),
    )


@pytest.mark.parametrize("text", ["{", "{}", '[{"name": "a"}]', "[1]", "<html>"])
def test_a_targets_page_that_is_none_is_refused(text):
    with pytest.raises(ShapeError, match="http://fleet/targets"):
        config.targets(text, file="http://fleet/targets")


def test_the_shipped_prompt_set_is_valid_and_has_every_slice():
    example = Path(__file__).parents[2] / "deploy" / "prompts.example.yaml"
    text = GOOD.replace("    prompts:", "    prompts_file: prompts.yaml\n    prompts:").replace("capital", "town")
    loaded = config.load(
        text,
        file="probes.yaml",
        read_file={"references.yaml": "references: {}", "prompts.yaml": example.read_text()}.__getitem__,
    )
    slices = {prompt.slice for prompt in loaded.canaries[0].prompts}
    assert slices >= {
        "latency",
        "short",
        "long",
        "language",
        "code",
        "tool-call",
        "retrieval",
        "safety",
        "exact-number",
    }


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("nonce: true", "nonce: perhaps", "prompts[0].nonce"),
        ("name: capital", "name: count", "prompts"),
        ("const: 2", "constant: 2", "prompts[6].assertions[0].schema.properties.count"),
        ("safety: moderation", "safety: manners", "prompts[8].assertions[0].safety"),
        ("type: function", "type: tool", "prompts[6].tools[0].type"),
        ("slice: latency", "slice: short", "prompts[1].slice"),
        ('code: "assert', 'code: "assert assert', "prompts[5].assertions[0].code"),
        ("prompts:", "prompt:", "(whole file)"),
    ],
)
def test_a_wrong_prompt_set_names_its_own_file_and_path(old, new, path):
    example = (Path(__file__).parents[2] / "deploy" / "prompts.example.yaml").read_text()
    with pytest.raises(ShapeError) as problem:
        prompts.load(example.replace(old, new, 1), file="prompts.yaml", stored={})
    assert (problem.value.file, problem.value.path) == ("prompts.yaml", path)


def test_every_key_of_a_canary_is_in_the_shipped_example():
    example = (Path(__file__).parents[2] / "deploy" / "probes.example.yaml").read_text("utf-8")
    assert [key for key in config._CANARY if f"{key}:" not in example] == []


def test_the_shipped_example_is_valid():
    example = Path(__file__).parents[2] / "deploy" / "probes.example.yaml"
    loaded = config.load(example.read_text("utf-8"), file=example.name)
    assert loaded.targets
    assert loaded.canaries
