"""What a replica runs: each field with its source, or that nobody can tell; never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probes import inventory
from probes.agent import Agent
from probes.config import ProbeConfig, Target
from probes.describe import Describer
from probes.inventory import CANNOT_TELL, Fact
from tests.probes.servers import serving, text
from tests.probes.test_agent import CHAT, START, Memory, page

SECRETS = ("sk-secret", "hunter2", "user:pass@", "Bearer abc")
COMMAND = [
    "python", "-m", "vllm.entrypoints.openai.api_server", "--model", "/models/llama-8b", "--max-model-len=8192", "-tp", "2",
    "--quantization", "fp8", "--revision", "abc123", "--api-key", "sk-secret", "--enable-prefix-caching", "--port", "8000",
    "--otlp-headers", "Bearer abc", "--kv-transfer-config", "http://user:pass@host/x", "--hf-token=hunter2", "--seed", "-1",
]  # fmt: skip


def values(facts) -> dict[str, str]:
    return {name: fact.value for name, fact in facts.items()}


def test_a_command_line_tells_what_was_asked_for_and_no_secret():
    found = inventory.of_arguments(COMMAND)
    assert values(found) == {
        "checkpoint": "/models/llama-8b",
        "context_length": "8192",
        "tensor_parallel": "2",
        "quantisation": "fp8",
        "model_revision": "abc123",
        "argument_enable_prefix_caching": "true",
        "argument_seed": "-1",
    }
    assert {fact.source for fact in found.values()} == {"/proc"}


def test_vllm_serve_names_its_checkpoint_without_a_flag():
    assert values(inventory.of_arguments(["vllm", "serve", "llama-8b", "--dtype", "auto"])) == {
        "checkpoint": "llama-8b",
        "argument_dtype": "auto",
    }


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (
            [{"id": "m", "root": "/models/m", "max_model_len": 4096}],
            {"checkpoint": "/models/m", "context_length": "4096"},
        ),
        ([{"id": "m", "root": "/m"}, {"id": "lora", "parent": "m", "root": "/lora"}], {"checkpoint": "/m"}),
        ([{"id": "a", "root": "/a"}, {"id": "b", "root": "/b"}], {}),
        ([], {}),
        ("broken", {}),
    ],
)
def test_the_list_of_models_tells_the_checkpoint_of_the_model_that_is_served(cards, expected):
    assert values(inventory.of_models(json.dumps({"data": cards}).encode(), model="m")) == expected


def test_a_server_info_is_read_by_name_and_its_keys_are_not():
    body = json.dumps(
        {"model_path": "/m", "tp_size": 4, "api_key": "sk-secret", "version": "0.5.20", "quantization": None}
    )
    assert values(inventory.of_server_info(body.encode())) == {
        "checkpoint": "/m",
        "tensor_parallel": "4",
        "engine_version": "0.5.20",
    }
    assert inventory.of_server_info(b"<html>") == {}


def test_what_nobody_tells_is_cannot_tell_and_the_first_source_counts():
    found = inventory.merged({"checkpoint": Fact("/a", "server info")}, {"checkpoint": Fact("/b", "/proc")})
    assert found["checkpoint"] == Fact("/a", "server info")
    assert found["model_revision"] == Fact(CANNOT_TELL, "")
    assert set(inventory.WANTED) <= set(found)


def test_the_hash_is_of_the_configuration_and_not_of_the_machine_that_runs_it():
    one = {
        "checkpoint": Fact("/a", "/proc"),
        "driver": Fact("580", "NVML"),
        "num_gpu_blocks": Fact("7", "metrics page"),
    }
    assert inventory.hashed(one) == {"checkpoint": "/a"}
    assert inventory.hashed(inventory.merged(one)) == {"checkpoint": "/a"}


def describer(**more) -> Describer:
    facts = {"driver": "580.105.08", "cuda": "13.0", "GPU-1": "NVIDIA H100", "GPU-2": "NVIDIA H100"}
    return Describer(timeout_seconds=2, machine=lambda: facts, joined=lambda: {"GPU-1": "chat-0", "GPU-2": "x"}, **more)


def proc(folder: Path, port: int) -> Path:
    """A /proc in which process 4711 listens on the port."""
    (folder / "net").mkdir()
    (folder / "net" / "tcp").write_text(f"head\n0: 0100007F:{port:04X} 00000000:0000 0A 0 0 0 0 0 777\n")
    (folder / "4711" / "fd").mkdir(parents=True)
    (folder / "4711" / "fd" / "3").symlink_to("socket:[777]")
    (folder / "4711" / "cmdline").write_bytes("\0".join(COMMAND).encode() + b"\0")
    return folder


def test_an_engine_of_this_machine_is_asked_and_read(tmp_path: Path):
    cards = json.dumps({"data": [{"id": "m", "root": "/models/other", "max_model_len": 4096}]})
    with serving(
        v1__models=text(cards), get_server_info=text("", status=404), version=text('{"version": "0.32.0"}')
    ) as server:
        port = server.server_address[1]
        one = describer(proc=proc(tmp_path, port))
        found = one.engine(Target("chat-0", f"{server.url}/metrics", "chat", model="m"))
        one.close()
    assert found is not None
    assert found["engine_version"] == Fact("0.32.0", "server info")
    assert found["checkpoint"] == Fact("/models/llama-8b", "/proc")
    assert not [secret for secret in SECRETS if secret in repr(found)]


def test_an_engine_that_cannot_be_reached_tells_nothing_and_one_without_the_pages_tells_what_it_has(tmp_path: Path):
    one = describer(proc=tmp_path)
    assert one.engine(Target("chat-0", "http://127.0.0.1:1/metrics", "chat")) is None
    refuse = text("", status=404)
    with serving(v1__models=refuse, get_server_info=refuse, version=refuse) as server:
        assert one.engine(Target("chat-0", f"{server.url}/metrics", "chat")) == {}
    one.close()


def test_the_machine_tells_driver_and_gpus_of_the_replica_that_runs_on_them():
    one = describer()
    found = values(one.machine(Target("chat-0", "http://x", "chat")))
    one.close()
    assert (found["driver"], found["gpu_model"]) == ("580.105.08", "1 x NVIDIA H100")
    assert found["placement"].endswith(": GPU-1")


def test_the_agent_asks_once_for_each_start_and_shows_no_hash_before_it_was_answered():
    memory, answers = Memory(**{"chat-0": page()}), [None, {"checkpoint": Fact("/a", "/proc")}]
    asked: list[str] = []

    def ask(target: Target):
        asked.append(target.name)
        return answers[min(len(asked), len(answers)) - 1]

    one = Agent(ProbeConfig(targets=(CHAT,), gpu="off"), memory, started=START, describe=ask)
    hashes = []
    for at in range(4):
        one.tick(START + 15 * at)
        hashes.append([found.label("config_hash") for found in one.samples() if found.name == "tailwatch_config_info"])
    assert asked == ["chat-0"] * 2
    assert hashes[0] == []
    assert hashes[1] == hashes[3] != []
    ((_, facts),) = one.inventory(lambda _target: {"driver": Fact("580", "NVML")})
    assert (facts["checkpoint"], facts["driver"]) == (Fact("/a", "/proc"), Fact("580", "NVML"))
    shown = json.loads(inventory.document(one.inventory(lambda _target: {})))
    (replica,) = shown["replicas"]
    assert replica["config_hash"] == hashes[1][0]
    assert replica["fields"]["model_revision"] == {"value": "cannot tell", "source": None}
    assert replica["fields"]["engine"] == {"value": "vllm", "source": "metrics page"}
