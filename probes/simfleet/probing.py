"""How a probe looks at the simulated fleet: the document for its probes.yaml, targets by discovery, canaries from the stored prompts."""

from __future__ import annotations

import json
import re
from typing import Any

from probes.simfleet import answers, prompts
from probes.simfleet.config import FleetConfig, ServiceConfig
from probes.simfleet.fleet import SimTarget

CANARY_INTERVAL_SECONDS = 15
_FOLDERS = {"engine": "replicas", "gateway": "gateways", "gpu": "gpus", "client": "clients"}
_NUMBER = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?")


def document(fleet: FleetConfig, *, base_url: str, listen: str = "127.0.0.1:9840") -> dict[str, Any]:
    """probes.yaml as plain data. Targets come from GET /targets: a version that changes is seen without a restart."""
    return {
        "listen": listen,
        "gpu": "off",
        "targets_url": f"{base_url}/targets",
        "scrape_interval_seconds": 15,
        "canaries": [_canary(service, base_url) for service in fleet.services],
    }


def listed(target: SimTarget, *, base_url: str) -> dict[str, Any]:
    """A metrics page as GET /targets tells of it: gateway-chat is at /gateways/chat, gpu-chat-0 at /gpus/chat-0."""
    page = target.name if target.kind == "engine" else target.name.removeprefix(f"{target.kind}-")
    return {
        "name": target.name,
        "url": f"{base_url}/{_FOLDERS[target.kind]}/{page}/metrics",
        "service": target.service,
        "kind": target.kind,
        "model": target.model,
        "version": target.version,
        "region": target.region,
        "replica": target.replica,
        "gpus": list(target.gpus),
        "simulated": True,
    }


def _canary(service: ServiceConfig, base_url: str) -> dict[str, Any]:
    return {
        "service": service.name,
        "url": f"{base_url}/services/{service.name}",
        "model": service.model,
        "interval_seconds": CANARY_INTERVAL_SECONDS,
        "jitter_ratio": 0,  # a drill is the same at each playing
        "max_tokens": 64,
        "region": service.region,
        "passages_path": "$.passages",
        "prompts": asked(service.name),
    }


def asked(service: str) -> list[dict[str, Any]]:
    """The prompts of a service's canary."""
    return [_prompt(one, service) for one in answers.references(service).values()]


def _prompt(one: answers.Reference, service: str) -> dict[str, Any]:
    prompt: dict[str, Any] = {"name": one.name, "text": one.prompt, "slice": one.slice, "references": [one.answer]}
    if passages := prompts.passages(service, one.prompt):
        prompt["passages"] = list(passages)
    if one.slice == "tool-call":
        prompt["assertions"] = [{"schema": {"type": "object", "required": list(json.loads(one.answer))}}]
    elif one.slice == "short":
        prompt["assertions"] = [{"regex": "^[^@]*$", "safety": "pii"}]
    elif one.answer.startswith("{"):
        prompt["assertions"] = [{"json": f"$.{next(iter(json.loads(one.answer)))}"}]
    elif one.slice == "exact-number":
        prompt["assertions"] = [{"number": float(_NUMBER.findall(one.answer)[-1].replace(",", ""))}]
    return prompt
