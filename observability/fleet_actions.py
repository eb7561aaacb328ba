"""The actions of a simulated fleet: the document that binds them to its gateway, and the same gateway answered in memory.

The demo and the drills bind the same actions; a drill's orders do not leave the process, yet go through the same executor, the same
signature and the same mechanisms of the fleet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from incidents.actions import services as actions
from incidents.actions.models import ActionDocument
from observability.core import outbound, permissions
from observability.core.models import Organisation
from probes.simfleet import openai
from probes.simfleet.config import FleetConfig, ServiceConfig
from probes.simfleet.control import Control
from probes.simfleet.fleet import Fleet

SECRET = "simulated-fleet"  # noqa: S105 - its name
#: Where the gateway of a fleet in virtual time is; it never leaves the process.
VIRTUAL_URL = "http://fleet.simulated"
#: Of a service's places, how many a tag may have while admission is tight: nobody queues, and live requests come first.
PLACES = {"live": 0.6, "standard": 0.15, "bulk": 0.08}
#: What must hold after an action, and how long it may take.
FIRST_TOKEN = "ttft_p95 < 250 ms"  # noqa: S105 - a condition


def document(config: FleetConfig, *, url: str) -> str:
    """The YAML that binds every action that the simulated gateway knows."""
    head = [
        "# The simulated fleet's gateway takes these orders.",
        "executors:",
        f'  gateway: {{kind: webhook, url: "{url}/control/{{service}}", secret: {SECRET}}}',
        "bindings:",
    ]
    return "\n".join([*head, *(line for service in config.services for line in _bindings(service, url))]) + "\n"


def _bindings(service: ServiceConfig, url: str) -> list[str]:
    places = service.engine.max_num_seqs * service.replicas
    tags = list(dict.fromkeys(tenant.tag for tenant in service.tenants))
    limits = ", ".join(f"{tag}: {max(1, round(places * PLACES.get(tag, 0.1)))}" for tag in tags)
    one = f"{-(-100 // service.replicas)} %"
    completion = f'{{url: "{url}/replicas/{{replica}}", model: {service.model}, within: 3m}}'
    verify = f'{{expect: ["{FIRST_TOKEN}"], within: 5m}}'
    quality = '{expect: ["answer_similarity > 0.92 cosine"], within: 10m}'

    def binding(action: str, *lines: str) -> list[str]:
        return [f"  - service: {service.name}", f"    action: {action}", "    executor: gateway", *lines]

    removes = (f"    capacity: {service.engine.max_num_seqs}", f"    blast_radius: {one}")
    return [
        *binding("tighten_admission", f"    parameters: {{limits: {{{limits}}}}}", "    propose: by_itself",
                 f"    verify: {verify}", "    undo_after: 30m"),
        *binding("scale_out", '    parameters: {replicas: "+2"}', f"    verify: {verify}"),
        *binding("warm_restart", "    parameters: {replica: worst}", *removes, "    propose: by_itself",
                 f"    completion: {completion}", f"    verify: {verify}"),
        *binding("drain", "    parameters: {replica: worst}", *removes, f"    verify: {verify}"),
        *binding("rollback", "    propose: by_itself", f"    verify: {quality}"),
    ]  # fmt: skip


def bind(*, organisation: Organisation, config: FleetConfig, url: str, secret: str, now: datetime) -> ActionDocument:
    """Keep the gateway's secret, set the document, turn actions on. Each still needs somebody's approval."""
    actor = permissions.system(organisation)
    actions.keep_secret(organisation=organisation, name=SECRET, value=secret, actor=actor, now=now)
    row = actions.set_document(organisation=organisation, text=document(config, url=url), actor=actor, now=now)
    actions.turn(organisation=organisation, on=True, actor=actor, now=now)
    return row


class FleetGateway:
    """A transport for actions: requests to the fleet's own addresses are answered by it at once, others leave as they would."""

    def __init__(self, fleet: Fleet, *, secret: str, url: str = VIRTUAL_URL) -> None:
        self._fleet, self._host = fleet, urlsplit(url).netloc
        self._control = Control(fleet, secret=secret)

    def __call__(
        self, *, url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float = 10.0
    ) -> outbound.Answer:
        parts = urlsplit(url)
        if parts.netloc != self._host:
            return outbound.post(url=url, body=body, headers=headers, timeout_seconds=timeout_seconds)
        match parts.path.strip("/").split("/"):
            case ["control", service]:
                status, answer = self._control.answer(service, body=body, headers=headers)
            case ["replicas", name, "v1", "completions"]:
                status, answer = self._complete(name, body)
            case _:
                status, answer = 404, {"error": f"nothing is at {parts.path}"}
        return outbound.Answer(status, json.dumps(answer).encode(), {})

    def _complete(self, name: str, body: bytes) -> tuple[int, dict[str, object]]:
        replica = self._fleet.replica(name)
        if replica is None or not replica.up:
            raise outbound.OutboundError(f"{name} refuses the connection", permanent=False, sent=False)
        ask = openai.parse(body, chat=False, model=replica.config.model)
        answer = self._fleet.complete(replica.config.name, ask.prompt, ask.max_tokens, replica=name)
        if answer.outcome != "ok":
            raise outbound.OutboundError(f"{name} did not answer in time", permanent=False, sent=True, hung=True)
        return 200, openai.whole(ask, answer, name="virtual", created=int(self._fleet.now))
