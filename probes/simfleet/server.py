"""The fleet in wall time over HTTP, on one port:

    GET  /targets                                   JSON list of metrics pages: name, url, service, kind, model, version, ...
    GET  /replicas/<name>/metrics                   also /gateways/<service>, /clients/<service>, /gpus/<replica>; /gpus/metrics: all
    GET  /replicas/<name>/v1/models                 also /health and POST /v1/completions, /v1/chat/completions (whole or streamed)
    GET  /services/<service>/v1/models              the model, and as name@version each release that ran and can still be asked
    POST /services/<service>/v1/completions         through the service's router and gateway; so /v1/chat/completions
    GET  /faults                                    what can be broken, and what is
    POST /faults {"fault": name, "action": "start"|"stop"}   and if need be "seconds": 1200 (it ends by itself), "service": name,
                 "target": "region:us-east", "onset": "step"|"ramp"|"intermittent", "parameters": {name: number}
    DELETE /faults                                  end all
    GET  /mechanisms                                single causes, their parameters, and which are active
    POST /mechanisms {"mechanism": name, "service": name, "action": "start"|"stop", "parameters": {name: number}}
    POST /control/<service>                         a signed order to the gateway (control.py); off without a secret
    GET  /health

A replica that is down closes the connection without an answer. A thread plays the fleet up to the wall clock.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from probes.exposition import Samples, render
from probes.simfleet import gpu, openai, orders, probing
from probes.simfleet.config import FleetConfig
from probes.simfleet.control import Control
from probes.simfleet.faults import BENIGN, FAULTS, WrongTarget
from probes.simfleet.fleet import Fleet, SimCompletion, TargetDown, UnknownName
from probes.simfleet.openai import BadRequest
from probes.simfleet.orders import BadOrder, Order

TICK_SECONDS = 0.25
LONGEST_BODY = 4 * 1024 * 1024
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger("simfleet")


class PortTaken(OSError):
    """The address cannot be listened on; the message is a sentence."""


class FleetServer:
    """`start()` listens and plays; `stop()` ends both within a second."""

    def __init__(
        self, config: FleetConfig, *, host: str | None = None, port: int | None = None, control_secret: str = ""
    ) -> None:
        host, port = host or config.host, config.port if port is None else port
        self.fleet = Fleet(config, seed=config.seed, start=time.time())
        self.control = Control(self.fleet, secret=control_secret)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._until: dict[str, float] = {}
        try:
            self._http = _Http((host, port), _Handler)
        except OSError as problem:
            raise PortTaken(
                f"cannot listen on {host}:{port}: {problem.strerror or problem}; choose another --port"
            ) from None
        self._http.owner = self
        self.host, self.port = host, int(self._http.server_address[1])
        self.url = f"http://{host}:{self.port}"
        self._threads = (
            threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True),
            threading.Thread(target=self._play, name="fleet", daemon=True),
        )

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def _play(self) -> None:
        while not self.stopping.wait(TICK_SECONDS):
            with self.lock:
                self.catch_up()

    def catch_up(self) -> None:
        """Under the lock. A machine that slept for an hour plays that hour in a fraction of a second."""
        now = time.time()
        for name, until in list(self._until.items()):
            if until <= now:
                self.fleet.advance(until)
                self.fleet.stop_fault(name)
                del self._until[name]
        self.fleet.advance(now)

    def set_fault(self, order: Order) -> None:
        with self.lock:
            self.catch_up()
            self._until.pop(order.name, None)
            if not order.start:
                self.fleet.stop_fault(order.name)
                return
            self.fleet.start_fault(
                order.name, service=order.service, target=order.target, onset=order.onset, **order.parameters
            )
            if order.seconds is not None:
                self._until[order.name] = self.fleet.now + order.seconds

    def end_faults(self) -> None:
        for name in self.fleet.active_faults:
            self.set_fault(Order(name, start=False))

    def page(self, target: str) -> str:
        with self.lock:
            self.catch_up()
            return self.fleet.text(target)

    def gpu_page(self) -> str:
        samples: Samples = {}
        with self.lock:
            self.catch_up()
            for target in self.fleet.targets:
                if target.kind == "gpu":
                    samples.update(self.fleet.scrape(target.name))
        return render(samples, types=gpu.TYPES)

    def targets(self) -> list[dict[str, Any]]:
        with self.lock:
            known = self.fleet.targets
        return [probing.listed(target, base_url=self.url) for target in known]

    def faults(self) -> dict[str, Any]:
        with self.lock:
            active = self.fleet.active_faults
        known = {**FAULTS, **BENIGN}.values()
        return {"faults": [orders.fault_card(one, active=one.name in active) for one in known], "active": list(active)}

    def mechanisms(self) -> dict[str, Any]:
        with self.lock:
            active = self.fleet.active_mechanisms
        started = [{"mechanism": name, "service": service} for name, service in active]
        return {"mechanisms": orders.mechanism_cards(), "active": started}

    def set_mechanism(self, order: Order) -> None:
        with self.lock:
            self.catch_up()
            if order.start:
                self.fleet.start_mechanism(order.name, service=order.service, **order.parameters)
            else:
                self.fleet.stop_mechanism(order.name, service=order.service)

    def complete(self, service: str, ask: openai.Ask, *, replica: str | None) -> SimCompletion:
        with self.lock:
            self.catch_up()
            return self.fleet.complete(service, ask.prompt, ask.max_tokens, ask.version, replica=replica)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: FleetServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up between two requests is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        owner, parts = self.server.owner, self._parts()
        match parts:
            case ["health"]:
                self._json(200, {"status": "ok", "simulated": True})
            case ["targets"]:
                self._json(200, owner.targets())
            case ["faults"]:
                self._json(200, owner.faults())
            case ["mechanisms"]:
                self._json(200, owner.mechanisms())
            case ["gpus", "metrics"]:
                self._send(200, owner.gpu_page().encode(), METRICS_TYPE)
            case [("replicas" | "gateways" | "gpus" | "clients") as folder, name, "metrics"]:
                prefix = {"replicas": "", "gateways": "gateway-", "gpus": "gpu-", "clients": "client-"}[folder]
                self._page(prefix + name)
            case ["replicas", name, "v1", "models"]:
                self._models(name)
            case [("services" | "gateways"), service, "v1", "models"]:
                self._offers(service)
            case ["replicas", name, "health"]:
                if self._replica_is_up(name):
                    self._send(200, b"", "text/plain")
            case _:
                self._json(404, openai.error(404, f"nothing is at {self.path}; GET /targets lists the metrics pages"))

    def do_POST(self) -> None:
        body = self._body()
        match self._parts():
            case ["faults"]:
                self._ordered(body, mechanism=False)
            case ["mechanisms"]:
                self._ordered(body, mechanism=True)
            case ["control", service]:
                with self.server.owner.lock:
                    self.server.owner.catch_up()
                    answer = self.server.owner.control.answer(service, body=body, headers=self.headers)  # type: ignore[arg-type]
                self._json(*answer)
            case ["replicas", name, "v1", "completions"]:
                self._complete(body, chat=False, replica=name)
            case ["replicas", name, "v1", "chat", "completions"]:
                self._complete(body, chat=True, replica=name)
            case [("services" | "gateways"), service, "v1", "completions"]:
                self._complete(body, chat=False, service=service)
            case [("services" | "gateways"), service, "v1", "chat", "completions"]:
                self._complete(body, chat=True, service=service)
            case _:
                self._json(404, openai.error(404, f"nothing is at {self.path}"))

    def do_DELETE(self) -> None:
        if self._parts() == ["faults"]:
            self.server.owner.end_faults()
            self._json(200, self.server.owner.faults())
        else:
            self._json(404, openai.error(404, f"nothing is at {self.path}"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        log.debug("%s %s", self.address_string(), format % args)

    def _parts(self) -> list[str]:
        return [part for part in self.path.partition("?")[0].split("/") if part]

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdigit() else 0
        if size > LONGEST_BODY:
            self.close_connection = True
            return b""
        return self.rfile.read(size)

    def _page(self, target: str) -> None:
        try:
            self._send(200, self.server.owner.page(target).encode(), METRICS_TYPE)
        except TargetDown:
            self._hang_up()
        except UnknownName as problem:
            self._json(404, openai.error(404, str(problem)))

    def _models(self, name: str) -> None:
        if not self._replica_is_up(name):
            return
        target = next(one for one in self.server.owner.fleet.targets if one.name == name)
        profile = self.server.owner.fleet.config.service(target.service).engine
        now = int(self.server.owner.fleet.now)
        self._json(
            200, openai.models(target.model, version=target.version, max_model_len=profile.max_model_len, created=now)
        )

    def _offers(self, service: str) -> None:
        fleet = self.server.owner.fleet
        try:
            pool = fleet.pool(service)
        except UnknownName as problem:
            self._json(404, openai.error(404, str(problem)))
            return
        self._json(200, openai.offers(pool.config.model, versions=tuple(pool.releases), created=int(fleet.now)))

    def _replica_is_up(self, name: str) -> bool:
        """Answers the request itself where it is not."""
        owner = self.server.owner
        replica = owner.fleet.replica(name)
        if replica is None:
            self._json(404, openai.error(404, f"no replica {name!r}"))
            return False
        if not replica.up:
            self._hang_up()
        return replica.up

    def _ordered(self, body: bytes, *, mechanism: bool) -> None:
        owner = self.server.owner
        try:
            if mechanism:
                owner.set_mechanism(orders.mechanism(body))
            else:
                owner.set_fault(orders.fault(body))
        except UnknownName as problem:
            self._json(404, openai.error(404, str(problem)))
        except BadOrder as problem:
            self._json(problem.status, openai.error(problem.status, str(problem)))
        except WrongTarget as problem:
            self._json(400, openai.error(400, str(problem)))
        else:
            self._json(200, owner.mechanisms() if mechanism else owner.faults())

    def _complete(self, body: bytes, *, chat: bool, service: str = "", replica: str | None = None) -> None:
        owner = self.server.owner
        arrived = time.monotonic()
        if replica is not None:
            if not self._replica_is_up(replica):
                return
            service = next(one.service for one in owner.fleet.targets if one.name == replica)
        try:
            model = owner.fleet.pool(service).config.model
            ask = openai.parse(body, chat=chat, model=model)
            answer = owner.complete(service, ask, replica=replica)
        except BadRequest as problem:
            self._json(problem.status, openai.error(problem.status, str(problem)))
            return
        except UnknownName as problem:
            self._json(404, openai.error(404, str(problem)))
            return
        name, created = f"{int(owner.fleet.now * 1000):x}", int(owner.fleet.now)
        if answer.outcome == "timeout":
            owner.stopping.wait(owner.fleet.pool(service).config.timeout_seconds)
            self._json(408, openai.error(408, "Request timed out."))
        elif answer.outcome != "ok":
            self._json(503, openai.error(503, f"Connection refused by a replica of {service}."))
        elif ask.stream:
            self._stream(ask, answer, name=name, created=created, arrived=arrived)
        else:
            owner.stopping.wait(max(0.0, arrived + answer.token_seconds[-1] - time.monotonic()))
            self._json(200, openai.whole(ask, answer, name=name, created=created))

    def _stream(self, ask: openai.Ask, answer: SimCompletion, *, name: str, created: int, arrived: float) -> None:
        stopping = self.server.owner.stopping
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for due, event in openai.chunks(ask, answer, name=name, created=created):
                if stopping.wait(max(0.0, arrived + due - time.monotonic())):
                    self.close_connection = True
                    return
                self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _json(self, status: int, document: object) -> None:
        self._send(status, json.dumps(document).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _hang_up(self) -> None:
        """As near to "connection refused" as one shared port allows: closed without a byte."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError as problem:
            log.debug("already closed: %s", problem)
