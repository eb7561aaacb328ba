"""Each executor against a server on this machine that answers as the real one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from incidents.actions.course import Progress
from incidents.actions.document import Completion
from incidents.actions.executors import base, github, kubernetes, probe
from probes.commands import Command, Commands, CommandServer
from tests.incidents.paging.vendors import Vendor, vendor

AT = 1_795_000_000


@pytest.fixture(autouse=True)
def loopback(settings) -> None:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = ["127.0.0.1"]


@pytest.fixture
def there() -> Iterator[Vendor]:
    with vendor() as running:
        yield running


def order(kind: str, settings: dict[str, Any], **given: Any) -> base.Order:
    fields: dict[str, Any] = {
        "kind": kind, "key": "key-1", "action": "warm_restart", "service": "chat", "incident": "INC-1",
        "parameters": {"replica": "chat-1"}, "places": {"service": "chat", "replica": "chat-1", "version": "v1"},
        "secrets": {"token": "t0ken", "secret": "s3cret"}, "at": AT,
    }  # fmt: skip
    return base.Order(settings=settings, **{**fields, **given})


# ---- what all share


def test_what_fills_an_address_cannot_leave_its_place() -> None:
    odd = order("webhook", {}, places={"replica": "../../x?y#z"})
    assert odd.address("https://gateway.example/replicas/{replica}/") == (
        "https://gateway.example/replicas/..%2F..%2Fx%3Fy%23z"
    )


@pytest.mark.parametrize(
    ("status", "body", "progress"),
    [
        (200, b'{"choices": [{"text": "ok"}]}', Progress.DONE),
        (200, b'{"choices": [{"text": ""}]}', Progress.RUNNING),
        (200, b"[]", Progress.RUNNING),
        (503, b"{}", Progress.RUNNING),
    ],
)
def test_only_a_completion_with_text_is_one(there: Vendor, status: int, body: bytes, progress: Progress) -> None:
    there.answer(status, body)
    completion = Completion(url=f"{there.url}/replicas/{{replica}}", model="m")
    assert base.completed(order=order("webhook", {}), completion=completion).progress is progress
    assert there.requests[0].path == "/replicas/chat-1/v1/completions"


def test_a_private_address_is_refused_unless_its_host_is_named(settings) -> None:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = []
    where = {"server": "http://127.0.0.1:1", "namespace": "serving"}
    for sent in (
        probe.send(order("probe", {"url": "http://127.0.0.1:1", "command": "x"})),
        kubernetes.send(order("kubernetes", where)),
    ):
        assert sent.progress is Progress.FAILED
        assert "private address" in sent.detail


# ---- GitHub


def test_a_workflow_is_dispatched_with_its_inputs_and_neither_rehearsed_nor_taken_back(there: Vendor) -> None:
    settings = {"repository": "acme/serving", "workflow": "w.yml", "url": there.url, "inputs": {"version": "{version}"}}
    there.answer(204, b"")
    assert github.send(order("github", settings)).progress is Progress.DONE
    (sent,) = there.requests
    assert sent.path == "/repos/acme/serving/actions/workflows/w.yml/dispatches"
    assert (sent.json, sent.headers["authorization"]) == ({"ref": "main", "inputs": {"version": "v1"}}, "Bearer t0ken")
    assert github.send(order("github", settings, rehearse=True)).detail.startswith("would dispatch")
    assert github.send(order("github", settings, undo="k")).progress is Progress.FAILED
    assert len(there.requests) == 1


# ---- the probe


def test_a_command_of_the_probe_is_run_once_a_key_and_asked_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    allow = (Command("say", ("echo", "{replica}"), (("replica", "[a-z0-9-]+"),)),)
    server = CommandServer(Commands("127.0.0.1", 0, str(tmp_path / "secret"), allow), now=lambda: float(AT))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        settings = {"url": server.url, "command": "say", "arguments": {"replica": "{replica}"}}
        forgotten = probe.send(order("probe", settings, key="key-2", perhaps=True))
        assert forgotten.progress is Progress.UNKNOWN
        for _ in range(400):
            sent = probe.send(order("probe", settings))
            if sent.progress is not Progress.RUNNING:
                break
            threading.Event().wait(0.01)
        assert (sent.progress, sent.output) == (Progress.DONE, "chat-1\n")
    finally:
        server.shutdown()
        server.server_close()


# ---- Kubernetes


@dataclass
class Cluster:
    """One deployment with two revisions, and the pod chat-1, as the API server shows them."""

    url: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    pods: set[str] = field(default_factory=lambda: {"chat-1"})
    replicas: int = 4
    ready: int = 4
    annotations: dict[str, str] = field(default_factory=dict)
    refuse: int = 0

    def patches(self) -> list[Any]:
        return [body for method, path, body in self.asked if method == "PATCH" and "dryRun" not in path]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, body))
        where, _, query = path.partition("?")
        dry = "dryRun=All" in query
        if self.refuse:
            return self.refuse, {"kind": "Status", "code": self.refuse, "message": "no"}
        if where.endswith("/eviction"):
            self.pods -= set() if dry else {"chat-1"}
            return 201, {"kind": "Status", "status": "Success"}
        if "/pods/" in where:
            name = where.rpartition("/")[2]
            found = {"kind": "Pod", "metadata": {"name": name}}
            return (200, found) if name in self.pods else (404, {"kind": "Status", "code": 404})
        if where.endswith("/replicasets"):
            return 200, {"kind": "ReplicaSetList", "items": [self.revision(1), self.revision(2)]}
        if method == "PATCH" and not dry:
            self.annotations |= body["metadata"].get("annotations", {})
            self.replicas = body.get("spec", {}).get("replicas", self.replicas)
        return 200, self.deployment()

    def deployment(self) -> Any:
        labels = {"app": "chat"}
        return {
            "kind": "Deployment",
            "metadata": {"name": "chat", "uid": "u", "generation": 2, "annotations": self.annotations},
            "spec": {"replicas": self.replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}},
            "status": {"observedGeneration": 2, "replicas": self.ready, "updatedReplicas": self.ready,
                       "availableReplicas": self.ready},
        }  # fmt: skip

    def revision(self, number: int) -> Any:
        template = {
            "metadata": {"labels": {"app": "chat", "pod-template-hash": f"h{number}"}},
            "spec": {"containers": [{"name": "vllm", "image": f"vllm:{number}"}]},
        }
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat", "uid": "u"}
        return {
            "metadata": {"name": f"chat-h{number}", "ownerReferences": [owner],
                         "annotations": {"deployment.kubernetes.io/revision": str(number)}},
            "spec": {"selector": {"matchLabels": {"app": "chat"}}, "template": template},
        }  # fmt: skip


@contextmanager
def _serving(cluster: Cluster) -> Iterator[Cluster]:
    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            assert self.headers["Authorization"] == "Bearer t0ken"
            status, document = cluster.answer(self.command, self.path, json.loads(body) if body else None)
            said = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PATCH = serve  # noqa: N815 - the base class names them so

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    cluster.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with _serving(Cluster()) as running:
        yield running


def at_cluster(cluster: Cluster, action: str, *, pod: bool = False, **given: Any) -> base.Order:
    settings = {"server": cluster.url, "namespace": "serving", **({"pod": "{replica}"} if pod else {})}
    return order("kubernetes", settings, action=action, **given)


def test_a_pod_is_evicted_once_and_done_when_it_is_gone(cluster: Cluster) -> None:
    assert kubernetes.send(at_cluster(cluster, "warm_restart", pod=True, rehearse=True)).detail.startswith("would be")
    assert cluster.pods == {"chat-1"}
    assert kubernetes.send(at_cluster(cluster, "warm_restart", pod=True)).progress is Progress.RUNNING
    assert kubernetes.send(at_cluster(cluster, "warm_restart", pod=True)).progress is Progress.DONE
    evictions = [path for method, path, _ in cluster.asked if method == "POST"]
    assert [path.partition("?")[0] for path in evictions] == ["/api/v1/namespaces/serving/pods/chat-1/eviction"] * 2


def test_without_a_pod_the_deployment_restarts_once_a_key_and_is_done_when_all_are_ready(cluster: Cluster) -> None:
    cluster.ready = 3
    assert kubernetes.send(at_cluster(cluster, "warm_restart")).detail.endswith("3 of 4 replicas are ready")
    cluster.ready = 4
    assert kubernetes.send(at_cluster(cluster, "warm_restart")).progress is Progress.DONE
    (patch,) = cluster.patches()
    assert "kubectl.kubernetes.io/restartedAt" in patch["spec"]["template"]["metadata"]["annotations"]


def test_scaling_out_is_taken_back_to_what_was_before(cluster: Cluster) -> None:
    out = at_cluster(cluster, "scale_out", parameters={"replicas": 6})
    assert kubernetes.send(out).progress is Progress.RUNNING
    assert (cluster.replicas, cluster.annotations["tailwatch.dev/before"]) == (6, "4")
    cluster.ready = 6
    assert kubernetes.send(out).progress is Progress.DONE
    cluster.ready = 4
    back = at_cluster(cluster, "scale_out", parameters={"replicas": 6}, key="key-2", undo="key-1")
    assert kubernetes.send(back).progress is Progress.DONE
    assert (cluster.replicas, len(cluster.patches())) == (4, 2)
    stranger = at_cluster(cluster, "scale_out", parameters={"replicas": 6}, key="key-3", undo="key-1")
    assert "changed by somebody else" in kubernetes.send(stranger).detail


def test_a_rollback_puts_the_template_of_the_revision_before(cluster: Cluster) -> None:
    assert kubernetes.send(at_cluster(cluster, "rollback")).progress is Progress.DONE
    (patch,) = cluster.patches()
    template = patch["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "vllm:1"
    assert template["metadata"]["labels"] == {"app": "chat"}
    assert kubernetes.send(at_cluster(cluster, "rollback")).progress is Progress.DONE
    assert len(cluster.patches()) == 1


def test_a_drained_pod_is_labelled_and_labelled_back(cluster: Cluster) -> None:
    assert kubernetes.send(at_cluster(cluster, "drain", pod=True)).progress is Progress.DONE
    kubernetes.send(at_cluster(cluster, "drain", pod=True, key="key-2", undo="key-1"))
    assert [body["metadata"]["labels"]["tailwatch.dev/serving"] for body in cluster.patches()] == ["no", "yes"]
    assert kubernetes.send(at_cluster(cluster, "drain")).progress is Progress.FAILED


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        (403, Progress.FAILED),
        (404, Progress.FAILED),
        (429, Progress.AGAIN),
        (500, Progress.LOST),
        (503, Progress.AGAIN),
    ],
)
def test_what_the_cluster_refuses_is_told_by_what_it_means(cluster: Cluster, status: int, progress: Progress) -> None:
    cluster.refuse = status
    sent = kubernetes.send(at_cluster(cluster, "scale_out", parameters={"replicas": 6}))
    assert sent.progress is progress
    assert f"the cluster answered {status}" in sent.detail


def test_a_cluster_that_is_not_there_was_not_reached() -> None:
    gone = order("kubernetes", {"server": "http://127.0.0.1:1", "namespace": "serving"}, action="rollback")
    assert kubernetes.send(gone).progress is Progress.AGAIN
