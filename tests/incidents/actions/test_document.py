"""The actions document: taken whole or refused whole, each problem with its line."""

from __future__ import annotations

import json

import pytest

from incidents.actions.document import DocumentRefused, from_json, load

GOOD = """executors:
  gateway: {kind: webhook, url: "https://gateway.example/control/{service}", secret: gateway}
  cluster: {kind: kubernetes, server: "https://10.0.0.1:6443", namespace: serving, token: cluster, pod: "{replica}"}
  ci: {kind: github, repository: acme/serving, workflow: rollback.yml, token: ci, inputs: {version: "{version}"}}
  node: {kind: probe, url: "https://gpu-node-07:9841", secret: node, command: reset, arguments: {replica: "{replica}"}}
bindings:
  - service: chat
    action: warm_restart
    executor: gateway
    parameters: {replica: worst}
    approvals: 2
    capacity: 36
    blast_radius: 34 %
    cool_down: 15m
    at_most: {runs: 2, in: 6h}
    only_if: ["queue_share < 50 %"]
    completion: {url: "https://gateway.example/replicas/{replica}", model: llama-8b, within: 5m}
    verify: {expect: ["ttft_p95 < 250 ms"], within: 5m, otherwise: tell}
    propose: by_itself
  - {service: chat, action: tighten_admission, executor: gateway, parameters: {limits: {live: 90, bulk: 5}}, undo_after: 30m}
  - {service: chat, action: scale_out, executor: cluster, parameters: {replicas: "+2"}}
  - {service: chat, action: rollback, executor: ci}
  - {service: chat, action: switch_variant, executor: gateway, parameters: {tag: live, bits: 16}, rehearse: true}
floors: {live: 16}
declared: {chat: ["2026.12.0"]}
"""
EXECUTORS = GOOD[: GOOD.index("bindings:")]


def bound(text: str) -> str:
    return f"{EXECUTORS}bindings:\n  - {text}\n"


def test_a_document_is_read_whole_and_a_run_keeps_a_copy_that_reads_back() -> None:
    found = load(GOOD)
    restart = found.binding(service="chat", action="warm_restart")
    assert restart is not None
    assert (restart.approvals, restart.capacity, restart.blast_radius, restart.cool_down_seconds) == (2, 36, 0.34, 900)
    assert (restart.most_runs, restart.most_in_seconds, restart.only_if) == (2, 21_600, ("queue_share < 50 %",))
    assert restart.verify is not None
    assert restart.completion is not None
    assert (restart.verify.within_seconds, restart.completion.within_seconds) == (300, 300)
    assert (found.proposes, found.floors, found.declared) == (True, {"live": 16}, {"chat": ("2026.12.0",)})
    for binding in found.bindings:
        assert from_json(json.loads(json.dumps(binding.as_json()))) == binding
    assert found.executors["gateway"].secrets == {"secret": "gateway"}
    assert not found.executors["ci"].repeatable
    assert load("").bindings == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("executors: [", 1, "YAML"),
        ("bindings: {}\nactions: 1", 2, "one of executors, bindings, floors, declared"),
        ("executors:\n  a: {kind: ssh}", 2, "one of webhook, kubernetes, github, probe"),
        ("executors:\n  a: {kind: webhook, url: https://x}", 2, "a secret"),
        ("executors:\n  a: {kind: webhook, url: ftp://x, secret: s}", 2, "starts with https:// or http://"),
        ('executors:\n  a: {kind: webhook, url: "https://{host}/", secret: s}', 2, "in braces"),
        (bound("{service: chat, action: dance, executor: gateway}"), 7, "one of tighten_admission"),
        (bound("{service: chat, action: limit_tenant, executor: gateway}"), 7, "one of tighten_admission"),
        (bound("{service: chat, action: rollback, executor: nobody}"), 7, "one of gateway, cluster"),
        (bound("{service: chat, action: freeze_deploys, executor: cluster}"), 7, "an executor that can freeze_deploys"),
        (bound("{service: chat, action: rollback, executor: gateway, approvals: 0}"), 7, "a whole number from 1 to 2"),
        (bound("{service: chat, action: rollback, executor: gateway, approvals: 3}"), 7, "a whole number from 1 to 2"),
        (bound("{service: chat, action: drain, executor: gateway}"), 7, "a replica"),
        (bound("{service: chat, action: drain, executor: gateway, parameters: {replica: worst}, blast_radius: half}"), 7,
         "a share such as 25 %"),
        (bound("{service: chat, action: warm_restart, executor: gateway, parameters: {replica: worst}, capacity: 4}"), 7,
         "a completion"),
        (bound('{service: chat, action: rollback, executor: gateway, only_if: ["speed > 1 x"]}'), 7, "a known signal"),
        (bound('{service: chat, action: rollback, executor: gateway, verify: {expect: ["ttft_factor < 2 x"]}}'), 7,
         "a level"),
        (bound('{service: chat, action: rollback, executor: gateway, verify: {expect: ["ttft_p95 < 1 s"], within: 1m}}'),
         7, "at least 150s"),
        (bound("{service: chat, action: scale_out, executor: gateway, parameters: {replicas: many}}"), 7, "how many more"),
        (bound("{service: chat, action: switch_variant, executor: gateway, parameters: {tag: live, bits: 8}}")
         + "floors: {live: 16}\n", 7, "at least 16, the floor of live"),
        (bound("{service: chat, action: rollback, executor: ci}\n  - {service: chat, action: rollback, executor: ci}"), 8,
         "each action of a service once"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DocumentRefused) as refused:
        load(text)
    assert any(problem.line == line and said in problem.expected for problem in refused.value.problems), refused.value


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(DocumentRefused) as refused:
        load(bound("{service: chat, action: drain, executor: nobody, approvals: 9}"))
    assert len(refused.value.problems) == 3
