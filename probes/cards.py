"""The GPUs that one probe knows, of exporters' pages and of this machine: readings become series, changes become counters. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from probes import gpu, xid
from probes.exposition import Labels, Samples, Series
from probes.faults import FAMILIES, FaultBook
from probes.signals import PREFIX
from probes.spread import MEASURES, SpreadWindow
from probes.tally import Tally

#: A driver that has not answered for so long hangs, and what it said before is not today's.
STALE_SECONDS = 60.0
#: Counters of a GPU that nobody reads any more are dropped when another one comes: pods, and so labels, churn.
FORGET_SECONDS = 86_400.0
_XID = f"{PREFIX}gpu_xid_code"
NOBODY: Mapping[str, float] = {}


class Cards:
    """`service` and `region` are the labels of this machine's own GPUs."""

    def __init__(self, *, service: str, region: str, started: float, interval_seconds: float) -> None:
        self._service, self._region, self._read_at = service, region, started
        self._stale_seconds = max(STALE_SECONDS, 3 * interval_seconds)
        self._machine: Samples = {}
        self._spread = SpreadWindow()
        self._faults = FaultBook()
        self._codes: dict[Labels, float] = {}
        self._known: dict[Labels, float] = {}  # and when it was last read
        self._held_down: dict[tuple[str, str], float] = {}  # UUID and reason to seconds, where no counter says them
        self._tally = Tally()

    def page(
        self,
        *,
        now: float,
        samples: Mapping[Series, float],
        made: Mapping[str, Sequence[Series]],
        requests_run: bool,
        stalled: Mapping[str, float] = NOBODY,
    ) -> None:
        """Canonical samples of an exporter's page; `made` has its series by name."""
        for family, measure in MEASURES.items():
            for one in made.get(family, ()):
                if math.isfinite(value := samples[one]):
                    self._spread.add(
                        now=now, labels=one.labels, measure=measure, values=(value,), requests_run=requests_run
                    )
        if of := [one for family in FAMILIES if family in made for one in made[family]]:
            self._faults.read(now=now, samples=samples, of=of, stalled=stalled)
        for one in made.get(_XID, ()):
            before, code = self._codes.get(one.labels), samples[one]
            if not math.isfinite(code):
                continue
            self._codes[one.labels] = code
            self._prepare(now, one.labels)
            if before is not None and code not in (0.0, before):
                self._event(now, one.labels, int(code))

    def machine(
        self,
        *,
        now: float,
        machine: gpu.Machine,
        replicas: Mapping[str, str],
        requests_run: bool,
        stalled: Mapping[str, float] = NOBODY,
    ) -> None:
        """A reading of this machine; clocks held down now, where no counter says how long, are taken as held down since before."""
        elapsed, self._read_at = min(max(0.0, now - self._read_at), self._stale_seconds), now
        self._machine = gpu.canonical(machine, service=self._service, region=self._region, replicas=replicas)
        read = {reading.uuid for reading in machine.gpus}
        for reading in machine.gpus:
            labels = self._labels(reading.uuid, replicas)
            for reason in reading.throttled:
                self._held_down[reading.uuid, reason] = self._held_down.get((reading.uuid, reason), 0.0) + elapsed
            self._prepare(now, labels)
            for family, measure in MEASURES.items():
                if measure == "utilisation":
                    values = reading.utilisation
                else:
                    value = reading.values.get(family.removeprefix(f"{PREFIX}gpu_"))
                    values = () if value is None else (value,)
                self._spread.add(now=now, labels=labels, measure=measure, values=values, requests_run=requests_run)
        for (uuid, reason), held in self._held_down.items():
            if uuid in read:
                one = Series(
                    f"{PREFIX}gpu_throttled_seconds_total", gpu.with_reason(self._labels(uuid, replicas), reason)
                )
                self._machine[one] = held
        for uuid, code in machine.xids:
            self._event(now, self._labels(uuid, replicas), code)
        of = [one for one in self._machine if one.name in FAMILIES]
        self._faults.read(now=now, samples=self._machine, of=of, stalled=stalled)

    def samples(self, *, now: float) -> Samples:
        if self._machine and now - self._read_at > self._stale_seconds:
            hangs = gpu.Machine("not_answering")
            self._machine = gpu.canonical(hangs, service=self._service, region=self._region, replicas={})
        spread = self._spread.samples(now=now)
        return {**self._machine, **spread, **self._faults.samples(now=now, spread=spread), **self._tally.samples()}

    def _labels(self, uuid: str, replicas: Mapping[str, str]) -> Labels:
        return gpu.gpu_labels(uuid, service=self._service, region=self._region, replicas=replicas)

    def _prepare(self, now: float, labels: Labels) -> None:
        """Every severity begins at 0, so that the first event is an increment and not a birth."""
        known, self._known[labels] = labels in self._known, now
        if known:
            return
        for severity in xid.SEVERITIES:
            self._tally.add("gpu_xid_by_severity_total", gpu.with_reason(labels, severity), 0.0)
        for gone in [own for own, read_at in self._known.items() if read_at < now - FORGET_SECONDS]:
            del self._known[gone]
            self._codes.pop(gone, None)
            self._tally.forget(gone)

    def _event(self, now: float, labels: Labels, code: int) -> None:
        self._prepare(now, labels)
        self._tally.add("gpu_xid_total", gpu.with_reason(labels, str(code)))
        self._tally.add("gpu_xid_by_severity_total", gpu.with_reason(labels, xid.known(code).severity))
        self._faults.xid(now=now, labels=labels, code=code)
