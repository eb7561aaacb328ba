"""The GPUs that one probe knows, of exporters' pages and of this machine: readings become series, changes become counters. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from probes import gpu
from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX
from probes.tally import Tally

#: A driver that has not answered for so long hangs, and what it said before is not today's.
STALE_SECONDS = 60.0
_UTILISATION, _XID = f"{PREFIX}gpu_utilisation_ratio", f"{PREFIX}gpu_xid_code"


class Cards:
    """`service` and `region` are the labels of this machine's own GPUs."""

    def __init__(self, *, service: str, region: str, started: float, interval_seconds: float) -> None:
        self._service, self._region, self._read_at = service, region, started
        self._stale_seconds = max(STALE_SECONDS, 3 * interval_seconds)
        self._machine: Samples = {}
        self._spread = gpu.SpreadWindow()
        self._codes: dict[Labels, float] = {}
        self._tally = Tally()

    def page(
        self, *, now: float, samples: Mapping[Series, float], made: Mapping[str, Sequence[Series]], requests_run: bool
    ) -> None:
        """Canonical samples of an exporter's page; `made` has its series by name."""
        for one in made.get(_UTILISATION, ()):
            self._spread.add(now=now, labels=one.labels, utilisation=samples[one], requests_run=requests_run)
        for one in made.get(_XID, ()):
            before, code = self._codes.get(one.labels), samples[one]
            if not math.isfinite(code):
                continue
            self._codes[one.labels] = code
            if before is not None and code not in (0.0, before):
                self._tally.add("gpu_xid_total", _reason(one.labels, str(int(code))))

    def machine(self, *, now: float, machine: gpu.Machine, replicas: Mapping[str, str], requests_run: bool) -> None:
        """A reading of this machine; clocks held down now are taken as held down since the reading before."""
        elapsed, self._read_at = max(0.0, now - self._read_at), now
        self._machine = gpu.canonical(machine, service=self._service, region=self._region, replicas=replicas)
        for reading in machine.gpus:
            labels = gpu.gpu_labels(reading.uuid, service=self._service, region=self._region, replicas=replicas)
            for reason in reading.throttled:
                self._tally.add("gpu_throttled_seconds_total", _reason(labels, reason), elapsed)
            if (busy := reading.values.get("utilisation_ratio")) is not None:
                self._spread.add(now=now, labels=labels, utilisation=busy, requests_run=requests_run)

    def samples(self, *, now: float) -> Samples:
        if self._machine and now - self._read_at > self._stale_seconds:
            hangs = gpu.Machine("not_answering")
            self._machine = gpu.canonical(hangs, service=self._service, region=self._region, replicas={})
        return {**self._machine, **self._spread.samples(now=now), **self._tally.samples()}


def _reason(labels: Labels, reason: str) -> Labels:
    return tuple(sorted((*labels, ("reason", reason))))
