"""A cluster, through its own API by the official client (the extra `kubernetes`; only this file imports it).

warm_restart    evicts the pod, or without `pod` restarts the deployment as `kubectl rollout restart` does
scale_out       sets the deployment's replicas
rollback        puts the template of the ReplicaSet before this one, as `kubectl rollout undo` does
drain           labels the pod tailwatch.dev/serving=no, by which a Service that selects "yes" lets go of it

Each is written so that the same key again changes nothing: the key stands in an annotation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from incidents.actions.course import Progress, Result
from incidents.actions.executors import base
from observability.core import outbound

RUN, BEFORE = "tailwatch.dev/run", "tailwatch.dev/before"
SERVING = "tailwatch.dev/serving"
REVISION = "deployment.kubernetes.io/revision"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
ASKED: dict[str, Any] = {"_request_timeout": base.TIMEOUT_SECONDS}


class CannotDo(Exception):
    """What was ordered does not fit what is there; a sentence."""


def send(order: base.Order) -> Result:
    verb: Callable[[_Cluster], Result] = _UNDO[order.action] if order.undo else _DO[order.action]
    try:
        outbound.checked_address(str(order.settings["server"]))
        with _cluster(order) as cluster:
            return verb(cluster)
    except outbound.OutboundError as error:
        return Result(progress=Progress.FAILED if error.permanent else Progress.AGAIN, detail=str(error)[:500])
    except CannotDo as error:
        return Result(progress=Progress.FAILED, detail=str(error)[:500])
    except ApiException as error:
        said = f"the cluster answered {error.status} {error.reason}: {' '.join(str(error.body or '').split())}"[:500]
        again = error.status in {408, 429, 503}  # 429: a disruption budget forbids the eviction now
        progress = Progress.AGAIN if again else Progress.LOST if error.status >= 500 else Progress.FAILED
        return Result(progress=progress, detail=said)
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
        return Result(progress=Progress.AGAIN, detail=f"the cluster cannot be reached: {error}"[:500])
    except urllib3.exceptions.HTTPError as error:
        return Result(progress=Progress.LOST, detail=f"the cluster did not answer: {error}"[:500])


class _Cluster:
    """The cluster of one order."""

    def __init__(self, api: client.ApiClient, order: base.Order) -> None:
        self.order = order
        self.namespace = str(order.settings["namespace"])
        self.apps: Any = client.AppsV1Api(api)
        self.core: Any = client.CoreV1Api(api)
        #: As `kubectl --dry-run=server`: the cluster checks everything and keeps nothing.
        self.dry: dict[str, Any] = {"dry_run": "All"} if order.rehearse else {}

    @property
    def deployment_name(self) -> str:
        return self.order.filled(str(self.order.settings.get("deployment", "{service}")))

    @property
    def pod_name(self) -> str:
        pod = str(self.order.settings.get("pod", ""))
        return self.order.filled(pod) if pod else ""

    def deployment(self) -> Any:
        return self.apps.read_namespaced_deployment(self.deployment_name, self.namespace, **ASKED)

    def patch(self, body: Mapping[str, Any]) -> Any:
        marked = {"metadata": {"annotations": {RUN: self.order.key}}, **body}
        return self.apps.patch_namespaced_deployment(self.deployment_name, self.namespace, marked, **self.dry, **ASKED)

    def pod(self) -> Any | None:
        try:
            return self.core.read_namespaced_pod(self.pod_name, self.namespace, **ASKED)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def said(self, text: str) -> str:
        return f"would be taken: {text}; nothing was changed" if self.order.rehearse else text


def _settled(found: Any, said: str) -> Result:
    """A roll-out is done when the controller has seen it and all replicas are updated and available."""
    status, wanted = found.status, found.spec.replicas or 0
    seen = (status.observed_generation or 0) >= (found.metadata.generation or 0)
    ready = min(status.updated_replicas or 0, status.available_replicas or 0)
    if seen and ready >= wanted and (status.replicas or 0) <= wanted:
        return Result(progress=Progress.DONE, detail=said)
    return Result(progress=Progress.RUNNING, detail=f"{said}: {ready} of {wanted} replicas are ready")


def _marked(found: Any, key: str) -> bool:
    return bool((found.metadata.annotations or {}).get(RUN) == key)


def _restart(cluster: _Cluster) -> Result:
    if not cluster.pod_name:
        said = f"{cluster.deployment_name} rolls its pods"
        found = cluster.deployment()
        if not _marked(found, cluster.order.key):
            at = f"tailwatch-{cluster.order.key}"
            found = cluster.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED: at}}}}})
        return _settled(found, cluster.said(said)) if not cluster.order.rehearse else _would(cluster, said)
    if cluster.pod() is None:
        return Result(progress=Progress.DONE, detail=f"the pod {cluster.pod_name} is gone")
    body = client.V1Eviction(
        metadata=client.V1ObjectMeta(name=cluster.pod_name, namespace=cluster.namespace),
    )
    cluster.core.create_namespaced_pod_eviction(cluster.pod_name, cluster.namespace, body, **cluster.dry, **ASKED)
    if cluster.order.rehearse:
        return _would(cluster, f"the pod {cluster.pod_name} is evicted")
    return Result(progress=Progress.RUNNING, detail=f"the pod {cluster.pod_name} is on its way out")


def _scale(cluster: _Cluster) -> Result:
    found = cluster.deployment()
    count = int(cluster.order.parameters["replicas"])
    said = f"{cluster.deployment_name} has {count} replicas"
    if not _marked(found, cluster.order.key):
        before = found.spec.replicas or 0
        if count < before:
            raise CannotDo(f"{cluster.deployment_name} has {before} replicas already")
        marks = {"annotations": {RUN: cluster.order.key, BEFORE: str(before)}}
        found = cluster.patch({"metadata": marks, "spec": {"replicas": count}})
    return _would(cluster, said) if cluster.order.rehearse else _settled(found, said)


def _scale_back(cluster: _Cluster) -> Result:
    found = cluster.deployment()
    annotations = found.metadata.annotations or {}
    if annotations.get(RUN) == cluster.order.key:
        return _settled(found, "taken back")
    if annotations.get(RUN) != cluster.order.undo or not str(annotations.get(BEFORE, "")).isdigit():
        raise CannotDo(f"{cluster.deployment_name} was changed by somebody else since; nothing is taken back")
    return _settled(cluster.patch({"spec": {"replicas": int(annotations[BEFORE])}}), "taken back")


def _roll_back(cluster: _Cluster) -> Result:
    found = cluster.deployment()
    said = f"{cluster.deployment_name} serves the revision before"
    if _marked(found, cluster.order.key):
        return _settled(found, said)
    selector = ",".join(f"{name}={value}" for name, value in (found.spec.selector.match_labels or {}).items())
    sets = cluster.apps.list_namespaced_replica_set(cluster.namespace, label_selector=selector, **ASKED).items
    mine = [
        one for one in sets if any(owner.uid == found.metadata.uid for owner in one.metadata.owner_references or ())
    ]
    ordered = sorted(mine, key=lambda one: int((one.metadata.annotations or {}).get(REVISION, 0)))
    if len(ordered) < 2:
        raise CannotDo(f"{cluster.deployment_name} has no revision before this one")
    template = cluster.apps.api_client.sanitize_for_serialization(ordered[-2].spec.template)
    template.get("metadata", {}).get("labels", {}).pop("pod-template-hash", None)
    found = cluster.patch({"spec": {"template": {"$patch": "replace", **template}}})
    return _would(cluster, said) if cluster.order.rehearse else _settled(found, said)


def _drain(cluster: _Cluster) -> Result:
    return _label(cluster, "no", "gets no more requests")


def _drain_back(cluster: _Cluster) -> Result:
    return _label(cluster, "yes", "gets requests again")


def _label(cluster: _Cluster, value: str, said: str) -> Result:
    if not cluster.pod_name:
        raise CannotDo('the executor names no pod; write pod: "{replica}" or what your pods are called')
    cluster.core.patch_namespaced_pod(
        cluster.pod_name, cluster.namespace, {"metadata": {"labels": {SERVING: value}}}, **cluster.dry, **ASKED
    )
    return Result(progress=Progress.DONE, detail=cluster.said(f"the pod {cluster.pod_name} {said}"))


def _would(cluster: _Cluster, said: str) -> Result:
    return Result(progress=Progress.DONE, detail=cluster.said(said))


def _never(cluster: _Cluster) -> Result:
    raise CannotDo(f"{cluster.order.action} cannot be taken back here")


_DO: Mapping[str, Callable[[_Cluster], Result]] = {
    "warm_restart": _restart,
    "scale_out": _scale,
    "rollback": _roll_back,
    "drain": _drain,
}
_UNDO: Mapping[str, Callable[[_Cluster], Result]] = {
    "warm_restart": _never,
    "scale_out": _scale_back,
    "rollback": _roll_back,
    "drain": _drain_back,
}


@contextmanager
def _cluster(order: base.Order) -> Iterator[_Cluster]:
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as authority:
        configuration = client.Configuration()
        configuration.host = str(order.settings["server"]).rstrip("/")
        configuration.api_key = {"authorization": f"Bearer {order.secrets['token']}"}
        configuration.retries = False
        configuration.proxy = None
        if certificate := order.secrets.get("certificate"):
            authority.write(certificate)
            authority.flush()
            configuration.ssl_ca_cert = authority.name
        with client.ApiClient(configuration) as api:
            yield _Cluster(api, order)
