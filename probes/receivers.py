"""What callers and gateways tell of single requests, gathered: the OTLP receiver and the access logs that the configuration names."""

from __future__ import annotations

import logging
import threading
from collections import Counter

from probes import accesslog
from probes.attribution import Attributor
from probes.clientside import AccessLog
from probes.config import ProbeConfig
from probes.exposition import Samples, series
from probes.otlp import OtlpReceiver
from probes.requests import RequestTally
from probes.signals import PREFIX
from probes.tail import Tail

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0


class Receivers:
    """Each has a thread; none of them delays a scrape. Raises PortTaken, OtlpMissing or OSError, and then `before` goes on as it was.

    `before`: those of the configuration until now; its OTLP receiver is taken over where the address stays, so that the port is never
    free for somebody else.
    """

    def __init__(self, config: ProbeConfig, *, started: float, before: Receivers | None = None) -> None:
        attributor = Attributor(config.attribution)
        self.logs = tuple(Followed(one, attributor) for one in config.access_logs)
        self._address = None if config.otlp is None else (config.otlp.host, config.otlp.port)
        self.otlp: OtlpReceiver | None = None
        self._stop = threading.Event()
        taken = before.otlp if before is not None and before._address == self._address else None
        if before is not None and config.otlp is not None and taken is not None:
            taken.take(config.otlp, attributor, started=started)
            self.otlp, before.otlp, before._address = taken, None, None
        elif config.otlp is not None:
            self.otlp = OtlpReceiver(config.otlp, attributor, started=started)
            threading.Thread(target=self.otlp.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True).start()
        if self.logs:
            threading.Thread(target=self._follow, name="access logs", daemon=True).start()

    def samples(self) -> Samples:
        out: Samples = {} if self.otlp is None else self.otlp.store.samples()
        for one in self.logs:
            for key, value in one.samples().items():  # two logs of one service add up
                out[key] = out.get(key, 0.0) + value
        return out

    def close(self) -> None:
        self._stop.set()
        if self.otlp is not None:
            self.otlp.shutdown()
            self.otlp.server_close()

    def _follow(self) -> None:
        while True:
            for one in self.logs:
                one.poll()
            if self._stop.wait(POLL_SECONDS):
                return


class Followed:
    """One access log. A line that is no JSON object is counted and costs no other line anything."""

    def __init__(self, config: AccessLog, attributor: Attributor) -> None:
        self.config, self._attributor = config, attributor
        self._tail = Tail(config.path)
        self._seen = RequestTally()
        self._dropped: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._up: bool | None = None

    def poll(self) -> None:
        try:
            for line in self._tail.lines():
                try:
                    found = accesslog.read(line, self.config, self._attributor)
                except accesslog.NotALine:
                    self._dropped["not_json"] += 1
                    continue
                with self._lock:
                    for one in found:
                        self._seen.add(one)
            up = True
        except OSError as problem:
            if self._up is not False:
                log.warning("access log %s: %s", self.config.path, problem.strerror or problem)
            up = False
        except Exception:
            log.exception("access log %s", self.config.path)
            up = False
        self._up = up

    def samples(self) -> Samples:
        own = {"service": self.config.service, "region": self.config.region, "replica": self.config.name}
        with self._lock:
            out = self._seen.samples()
        if self._up is not None:
            out[series(f"{PREFIX}exporter_up", **own)] = float(self._up)
        for reason, count in {**self._dropped, "too_long": self._tail.too_long}.items():
            if count:
                out[series(f"{PREFIX}probe_values_dropped_total", **own, reason=reason)] = float(count)
        return out
