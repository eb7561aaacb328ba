"""The kubelet's pod-resources socket: its bytes, a real gRPC server on a real unix socket, and what joins by it."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes import __main__ as cli
from probes import podresources
from probes.agent import Agent, ScrapeFailed
from probes.config import ProbeConfig, Target
from probes.finder import Finder
from probes.kubelet import MISSING, Kubelet
from probes.nvml import NvmlReader
from probes.podresources import Held
from probes.simfleet.driver import Board, SimulatedDriver
from tests.probes.test_agent import Memory, page


def field(number: int, value: bytes | str) -> bytes:
    raw = value if isinstance(value, bytes) else value.encode()
    return bytes([number << 3 | 2]) + varint(len(raw)) + raw


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def pod(name: str, *devices: str, resource: str = "nvidia.com/gpu") -> bytes:
    """As the kubelet writes it: CPUs (packed, and one by one), topology and memory beside what is read."""
    topology = field(3, field(1, b"\x08\x01"))
    given_ = field(2, field(1, resource) + b"".join(field(2, one) for one in devices) + topology)
    container = field(1, "vllm") + given_ + b"\x18\x03" + field(4, field(1, "memory") + b"\x10\x80\x80\x04")
    return field(1, field(1, name) + field(2, "serving") + field(3, container))


ANSWER = (
    pod("chat-0", "GPU-1", "GPU-2")
    + pod("chat-1", "MIG-3-7", resource="nvidia.com/mig-1g.10gb")
    + pod("dns", "eth0", resource="intel.com/sriov")
    + pod("idle")
)


class Lister(grpc.GenericRpcHandler):
    def __init__(self, answer: bytes | grpc.StatusCode | threading.Event) -> None:
        self.answer, self.authority = answer, ""

    def service(self, details):
        if details.method != podresources.METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self.list)

    def list(self, _request: bytes, context) -> bytes:
        if isinstance(self.answer, threading.Event):
            self.answer.wait(10)
            return b""
        if isinstance(self.answer, bytes):
            return self.answer
        context.abort(self.answer, "as the test says")
        raise AssertionError


@contextlib.contextmanager
def serving(folder: Path, answer: bytes | grpc.StatusCode | threading.Event) -> Iterator[str]:
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[Lister(answer)], options=[("grpc.max_send_message_length", -1)])
        path = f"{folder}/kubelet.sock"
        server.add_insecure_port(f"unix:{path}")
        server.start()
        try:
            yield path
        finally:
            if isinstance(answer, threading.Event):
                answer.set()
            server.stop(None).wait()


def test_pods_and_the_gpus_they_hold_are_read_from_the_kubelet_s_bytes():
    held = podresources.read(ANSWER)
    assert held == (Held("serving/chat-0", ("GPU-1", "GPU-2")), Held("serving/chat-1", ("MIG-3-7",)))
    found, left_out = podresources.pods(held, parts={"MIG-3-7": "GPU-3/7"})
    assert found == {"GPU-1": "serving/chat-0", "GPU-2": "serving/chat-0", "GPU-3/7": "serving/chat-1"}
    assert left_out == ()
    assert podresources.pods(held, parts={})[1] == ("MIG-3-7 of serving/chat-1: no GPU here has that name",)


def test_a_gpu_that_pods_share_joins_none_and_one_pod_s_two_shares_are_one():
    held = [Held("a/x", ("GPU-1::0", "GPU-2::0", "GPU-2::1")), Held("a/y", ("GPU-1::1", "MIG-GPU-3/7/0"))]
    found, left_out = podresources.pods(held, parts={})
    assert found == {"GPU-2": "a/x", "GPU-3/7": "a/y"}
    assert left_out == ("GPU-1 is shared by a/x, a/y: it joins none",)


@given(st.integers(0, len(ANSWER)), st.binary(max_size=6))
@settings(max_examples=150, deadline=None)
def test_an_answer_cut_anywhere_or_with_any_bytes_is_read_or_refused(at, odd):
    with contextlib.suppress(ValueError):
        held = podresources.read(ANSWER[:at] + odd + ANSWER[at + len(odd) :])
        assert all(isinstance(device, str) for one in held for device in one.devices)


def test_replicas_join_their_gpus_by_a_real_socket_and_lose_them_with_their_pod(tmp_path: Path):
    targets = tuple(Target(name, f"http://{name}", "chat", pod=f"serving/{name}") for name in ("chat-0", "chat-1"))
    driver = SimulatedDriver(
        Board("GPU-1"), Board("GPU-3", instances={7: (1, 0.5)}), Board("GPU-4"), clock=lambda: 1_000_000.0
    )
    reader, memory = NvmlReader(driver), Memory(**{"chat-0": page(), "chat-1": page()})
    reader.read()
    with serving(tmp_path, ANSWER) as path:
        config = ProbeConfig(targets=targets, gpu="off", kubelet_socket=path)
        finder = Finder(gpus=reader, kubelet_socket=path)
        agent = Agent(config, memory, started=0.0, gpus=reader, finder=finder)
        agent.tick(0.0)
        assert dict(agent.joined()) == {"GPU-1": "chat-0", "GPU-2": "chat-0", "GPU-3/7": "chat-1"}
        agent.tick(15.0)
    shown = {
        one.label("gpu"): one.label("replica") for one in agent.samples() if one.name == "tailwatch_gpu_memory_bytes"
    }
    assert shown == {"GPU-1": "chat-0", "GPU-3": "unjoined", "GPU-3/7": "chat-1", "GPU-4": "unjoined"}
    agent.tick(30.0)  # the kubelet restarts: what it said stays
    assert agent.joined()["GPU-1"] == "chat-0"
    failures = {
        one.label("reason"): value
        for one, value in agent.samples().items()
        if one.label("replica") == "kubelet" and "failures" in one.name
    }
    assert failures == {"connect": 1.0}
    finder.close()
    with serving(tmp_path, pod("chat-1", "GPU-1")):
        agent.tick(45.0)
        assert dict(agent.joined()) == {"GPU-1": "chat-1"}
        finder.close()


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"\x0a\xff", "malformed", "within a number"),
        (grpc.StatusCode.UNIMPLEMENTED, "malformed", "does not speak v1"),
        (grpc.StatusCode.INTERNAL, "connect", "as the test says"),
        (threading.Event(), "timeout", "no answer in time"),
        (field(1, b"x" * (17 * 1024 * 1024)), "too_large", "larger than max"),
    ],
)
def test_a_socket_that_answers_badly_is_a_labelled_failure(tmp_path: Path, answer, reason, words):
    with serving(tmp_path, answer) as path:
        kubelet = Kubelet(path, timeout_seconds=0.3 if reason == "timeout" else 5.0)
        with pytest.raises(ScrapeFailed, match=words) as failed:
            kubelet.held()
        kubelet.close()
    assert failed.value.reason == reason


def test_no_socket_and_no_grpc_are_said_and_nothing_is_imported_unless_configured(tmp_path: Path, monkeypatch):
    with pytest.raises(ScrapeFailed, match="is the kubelet's folder mounted"):
        Kubelet(f"{tmp_path}/none.sock", timeout_seconds=1.0).held()
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(ScrapeFailed) as failed:
        Kubelet(f"{tmp_path}/none.sock", timeout_seconds=1.0).held()
    assert (failed.value.reason, failed.value.detail) == ("not_installed", MISSING)
    agent = Agent(ProbeConfig(gpu="off"), Memory(), started=0.0, finder=Finder())
    agent.tick(0.0)
    assert not [one for one in agent.samples() if one.label("replica") == "kubelet"]


def test_check_explains_which_pod_holds_which_gpu(tmp_path: Path, capsys):
    file = tmp_path / "probes.yaml"
    with serving(tmp_path, ANSWER) as path:
        file.write_text(f"gpu: off\nkubelet_socket: {path}\ntargets: []\notlp: {{listen: '127.0.0.1:0', service: a}}\n")
        assert cli.main(["check", "--config", str(file)]) == 0
    out = capsys.readouterr().out
    assert f"kubelet {path}: 2 GPUs are held by pods\n  GPU-1: serving/chat-0, no target of ours\n" in out
    assert cli.main(["check", "--config", str(file)]) == 1
    assert f"kubelet {path}: connect: " in capsys.readouterr().out
