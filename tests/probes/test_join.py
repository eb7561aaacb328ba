"""Which replica runs on which GPU: by config, by pod, by process; what nothing joins is shown."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

from probes import join, procfs
from probes.agent import Agent
from probes.config import ProbeConfig, Target
from probes.exposition import Parser
from tests.probes.fixtures import DCGM_MIG, captured
from tests.probes.test_agent import Memory, page

ENGINE = Target("chat-0", "http://127.0.0.1:8000/metrics", "chat", pod="serving/chat-0")
DCGM_PAGE = (
    'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-1",pod="chat-0",namespace="serving",container="vllm"} 50\n'
    'DCGM_FI_DEV_GPU_UTIL{UUID="GPU-2",pod="",namespace=""} 0\n'
    'DCGM_FI_PROF_GR_ENGINE_ACTIVE{UUID="GPU-3",GPU_I_ID="9",pod="chat-1",namespace="serving"} 0.5\n'
)


def test_a_dcgm_exporter_s_pods_join_and_the_config_comes_first():
    shown = join.pods(Parser().parse(DCGM_PAGE))
    assert shown == {"GPU-1": "serving/chat-0", "GPU-3/9": "serving/chat-1"}
    other = Target("other", "http://x", "chat", gpus=("GPU-1",))
    for_pod = {"by_pod": shown, "by_process": {"GPU-1": "other", "GPU-2": "gone"}}
    assert join.replicas([ENGINE], **for_pod) == {"GPU-1": "chat-0"}
    assert join.replicas([ENGINE, other], **for_pod) == {"GPU-1": "other"}
    assert join.replicas([replace(ENGINE, pod="chat-0")], **for_pod) == {"GPU-1": "chat-0"}
    assert join.replicas([replace(ENGINE, pod="else/chat-0")], **for_pod) == {}


def test_an_exporter_outside_kubernetes_shows_no_pods():
    assert join.pods(Parser().parse(captured(DCGM_MIG))) == {}


def test_an_engine_s_workers_are_found_by_the_port_it_listens_on():
    parents = {30: 20, 20: 10, 40: 1, 10: 1}
    targets = [ENGINE, Target("far", "http://10.0.0.1:8001/metrics", "chat")]
    found = join.by_process(
        targets, on_gpu={"GPU-1": [40, 30], "GPU-2": [40]}, listening={8000: 10, 8001: 40}, parent=parents.get
    )
    assert found == {"GPU-1": "chat-0"}
    loop = join.by_process(targets, on_gpu={"GPU-1": [5]}, listening={8000: 10}, parent={5: 6, 6: 5}.get)
    assert loop == {}


def test_this_process_is_found_by_the_port_it_listens_on():
    with socket.create_server(("127.0.0.1", 0)) as one:
        assert procfs.listening()[one.getsockname()[1]] == os.getpid()
    assert procfs.parent(os.getpid()) == os.getppid()
    assert procfs.parent(2**22 + 1) is None
    assert procfs.listening(Path("/nowhere")) == {}


def test_gpus_join_as_soon_as_their_page_says_whose_they_are_and_the_rest_is_shown_unjoined():
    card = Target("card", "http://card", "chat", kind="gpu")
    memory = Memory(card=DCGM_PAGE, **{"chat-0": page()})
    agent = Agent(ProbeConfig(targets=(ENGINE, card), gpu="off"), memory, started=0.0)
    for turn in range(3):
        agent.tick(15.0 * turn)

    def joined() -> dict[str | None, str | None]:
        return {
            one.label("gpu"): one.label("replica")
            for one in agent.samples()
            if one.name == "tailwatch_gpu_utilisation_ratio"
        }

    assert joined() == {"GPU-1": "chat-0", "GPU-2": "unjoined"}
    memory.pages["card"] = DCGM_PAGE.replace("chat-0", "chat-7")
    for turn in range(3, 6):
        agent.tick(15.0 * turn)
    assert joined() == {"GPU-1": "unjoined", "GPU-2": "unjoined"}
