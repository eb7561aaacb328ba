"""fleet.yaml to a FleetConfig. Pure: text in, frozen objects out, validated whole; raises probes.shape.ShapeError.

seed: 7
listen: 127.0.0.1:9850
services:                       # without it: chat, code and batch
  - name: chat                  # a known name: what is not given stays as in the default fleet; another: as chat
    replicas: 2
    speaks: sglang              # whose metrics page the replicas show: vllm (the default) or sglang
    regions: [eu-west, us-east]   # replicas take turns; left out: all in `region`
    requests_per_second: 2.5
    trace: AzureLLMInferenceTrace_conv.csv      # relative to this file
    context: {median: 700, sigma: 0.8, low: 24, high: 4096}
    prefix_cache: {share: 0.8, low: 0.45, high: 0.9, system_tokens: 160}
    tenants: {web: {share: 0.7, tag: live}, mobile: 0.3}     # the tag by which the gateway admits; left out: standard
    engine: {max_num_seqs: 36, step_seconds: 0.022}
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import PurePath
from typing import Any

from probes import shape
from probes.simfleet.config import (
    EngineProfile,
    FleetConfig,
    Lengths,
    PrefixCache,
    ServiceConfig,
    Tenant,
    default_config,
)

_TEXTS = ("model", "version", "region")
#: Range of each number a service or an engine may have.
_SERVICE_NUMBERS = {
    "requests_per_second": (0.0, 1_000.0),
    "daily_swing": (0.0, 1.0),
    "weekend_share": (0.0, 2.0),
    "peak_hour": (0.0, 24.0),
    "error_share": (0.0, 1.0),
    "timeout_seconds": (1.0, 3_600.0),
}
_NESTED = (
    "name",
    "regions",
    "replicas",
    "trace",
    "context",
    "generated",
    "prefix_cache",
    "tenants",
    "engine",
    "speaks",
)
_ENGINE_TEXTS = ("gpu_model",)
_WHOLE = ("chunk_tokens", "max_num_seqs", "kv_tokens", "block_size", "max_model_len", "max_queued", "gpu_memory_mib")


def load(text: str, *, file: str) -> FleetConfig:
    config = default_config()
    node = shape.read(text, file=file)
    if not node.given:
        return config
    node.only("seed", "listen", "services")
    if node["seed"].given:
        config = replace(config, seed=_whole(node["seed"], low=0, high=2**31))
    if node["listen"].given:
        host, port = _listen(node["listen"])
        config = replace(config, host=host, port=port)
    if node["services"].given:
        services = tuple(_service(one, config) for one in node["services"].each())
        if not services:
            node["services"].wrong("at least one service")
        names = [service.name for service in services]
        for at, name in enumerate(names):
            if name in names[:at]:
                raise shape.ShapeError(file, f"services[{at}].name", name, "each name once")
        config = replace(config, services=services)
    return config


def _service(node: shape.Node, defaults: FleetConfig) -> ServiceConfig:
    node.only(*_NESTED, *_TEXTS, *_SERVICE_NUMBERS)
    name = node["name"].text()
    known = {service.name: service for service in defaults.services}
    changes: dict[str, Any] = {"name": name}
    changes |= {key: node[key].text() for key in _TEXTS if node[key].given}
    changes |= {
        key: node[key].number(low=low, high=high) for key, (low, high) in _SERVICE_NUMBERS.items() if node[key].given
    }
    if node["replicas"].given:
        changes["replicas"] = _whole(node["replicas"], low=1, high=1_000)
    if node["speaks"].given:
        changes["speaks"] = node["speaks"].one_of(("vllm", "sglang"))
    if node["regions"].given:
        changes["regions"] = node["regions"].texts()
    if node["trace"].given:
        changes["trace"] = str(PurePath(node.file).parent / node["trace"].text())
    for key in ("context", "generated"):
        if node[key].given:
            changes[key] = _lengths(node[key])
    if node["prefix_cache"].given:
        changes["prefix"] = _prefix(node["prefix_cache"])
    if node["tenants"].given:
        given = node["tenants"].items()
        changes["tenants"] = tuple(_tenant(*one) for one in given) or node["tenants"].wrong("at least one tenant")
    default = known.get(name, defaults.services[0])
    if node["engine"].given:
        changes["engine"] = _engine(node["engine"], default.engine)
    return replace(default, **changes)


def _tenant(name: str, node: shape.Node) -> Tenant:
    """A share alone, or {share, tag}."""
    if not isinstance(node.value, dict):
        return Tenant(name, node.number(low=1e-6, high=1e6))
    node.only("share", "tag")
    share = node["share"].number(low=1e-6, high=1e6)
    return Tenant(name, share, node["tag"].text()) if node["tag"].given else Tenant(name, share)


def _lengths(node: shape.Node) -> Lengths:
    node.only("median", "sigma", "low", "high")
    low = _whole(node["low"], low=1, high=10_000_000)
    return Lengths(
        median=node["median"].number(low=1, high=1e7),
        sigma=node["sigma"].number(low=0, high=4),
        low=low,
        high=_whole(node["high"], low=low, high=10_000_000),
    )


def _prefix(node: shape.Node) -> PrefixCache:
    node.only("share", "low", "high", "system_tokens")
    low = node["low"].number(low=0, high=1)
    return PrefixCache(
        share=node["share"].number(low=0, high=1),
        low=low,
        high=node["high"].number(low=low, high=1),
        system_tokens=_whole(node["system_tokens"], low=0, high=1_000_000),
    )


def _engine(node: shape.Node, default: EngineProfile) -> EngineProfile:
    names = [one.name for one in fields(EngineProfile)]
    node.only(*names)
    changes: dict[str, Any] = {}
    for key in names:
        if not node[key].given:
            continue
        if key in _ENGINE_TEXTS:
            changes[key] = node[key].text()
        elif key in _WHOLE:
            changes[key] = _whole(node[key], low=1, high=1e9)
        else:
            changes[key] = node[key].number(low=0 if key.endswith("seconds") else 1e-9, high=1e9)
    return replace(default, **changes)


def _listen(node: shape.Node) -> tuple[str, int]:
    host, _, port = node.text().rpartition(":")
    if not port.isdigit() or not 0 <= int(port) <= 65_535:
        node.wrong("address:port, as 127.0.0.1:9850")
    return host or "127.0.0.1", int(port)


def _whole(node: shape.Node, *, low: float, high: float) -> int:
    value = node.number(low=low, high=high)
    return int(value) if value == int(value) else node.wrong("a whole number")
