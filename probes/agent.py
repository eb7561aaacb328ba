"""The loop of one probe: what is due is scraped or asked, what came back becomes canonical series.

Time is a parameter. With an executor, each scrape and canary runs on a thread of its own and `tick` returns at once: a slow
target delays nobody. Without one they run inline, which is how virtual time plays them.

    ScrapeFailed     reason (one of watchlist.REASONS) and detail; a transport raises it
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol, TypeVar

from probes import gpu, inventory, serving
from probes.attribution import Attributor
from probes.bursts import READ_SECONDS
from probes.canary import Completion
from probes.cards import Cards
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import MalformedExposition, Samples, Series
from probes.inventory import Facts
from probes.judging import Judge
from probes.prober import Prober
from probes.prompts import Prompt
from probes.roster import Roster, TargetFinder
from probes.serving import Serving
from probes.slices import TokenTimes
from probes.tally import Tally
from probes.watch import Ask, Watch
from probes.watchlist import Watchlist

log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class ScrapeFailed(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Transport(Protocol):
    def scrape(self, target: Target) -> Mapping[Series, float]:
        """The target's own families, raw; raises ScrapeFailed or MalformedExposition."""

    def complete(self, canary: Canary, prompt: Prompt) -> Completion:
        """One prompt sent and streamed back; a failure is an outcome, not an exception."""

    def discover(self, url: str) -> Sequence[Target]:
        """The targets that `targets_url` names now; raises ScrapeFailed. Called only where the config has one."""


class Agent:
    def __init__(
        self,
        config: ProbeConfig,
        transport: Transport,
        *,
        started: float,
        executor: Executor | None = None,
        gpus: gpu.Reader | None = None,
        judge: Judge | None = None,
        finder: TargetFinder | None = None,
        more: Sequence[Callable[[], Samples]] = (),
        describe: Ask | None = None,
    ) -> None:
        self.config, self._transport, self._executor, self._gpus = config, transport, executor, gpus
        self._finder, self._more, self._describe = finder, more, describe
        self._roster = Roster(config.targets)
        self._lock = threading.RLock()
        self._tally = Tally()
        self._list = Watchlist(attributor=Attributor(config.attribution), tally=self._tally)
        self._serving = Serving(bursts=config.bursts)
        self._tally.set("probe_start_seconds", (), started)
        self._prober = Prober(
            config,
            started=started,
            judge=judge or Judge(),
            complete=transport.complete,
            run=self._run,
            lock=self._lock,
        )
        self._times = TokenTimes()
        self._cards = Cards(
            service=config.gpu_service,
            region=config.gpu_region,
            started=started,
            interval_seconds=config.scrape_interval_seconds,
        )
        self._now = started
        self._asks = self._sources()
        self._said: dict[str, str] = {}  # by source, why it does not answer
        self._due = dict.fromkeys((*self._asks, *(() if gpus is None else ("gpu",))), started)
        self._busy: set[str] = set()
        self._watch(config.targets)

    # What the loop does.

    def tick(self, now: float) -> None:
        """Starts what is due; with no executor it is also done when this returns. Never raises for one bad target."""
        if now < self._now:
            self._set_back(now)
        self._now = now
        for what, work in self._asks.items():
            if self._take(what, now):
                self._run(work)
        if self._gpus is not None and self._take("gpu", now):
            self._run(partial(self._read_gpus, now))
        for watch in self._list:
            if watch.due <= now and not watch.busy:
                watch.busy, watch.due = True, self._next(now, watch)
                self._run(partial(self._scrape, watch, now))
            elif watch.due <= now:
                watch.due = self._next(now, watch)
                self._failed(watch, "timeout", "the previous scrape has not ended yet")
        self._prober.tick(now, self.targets, self._answered)

    def next_due(self) -> float:
        """When `tick` has something to do again, in unix seconds."""
        with self._lock:
            dues = [watch.due for watch in self._list] + [self._prober.next_due()]
            return min([*dues, *self._due.values()], default=float("inf"))

    def samples(self) -> Samples:
        """All canonical series as of now. A target that is down gives target_up 0 and none of its old values."""
        with self._lock:
            out = self._list.samples()
            out.update(self._cards.samples(now=self._now))
            out.update(self._prober.samples())
            out.update(self._tally.samples())
            out.update(self._serving.samples())
            for samples in self._more:
                out.update(samples())
            return out

    def page(self) -> Samples:
        """`samples`, and for people each replica's latency over five minutes and where the time of a token goes."""
        with self._lock:
            out = self.samples()
            recent = {one: value for watch in self._list for one, value in watch.recent.items()}
            return {**out, **recent, **self._times.samples(now=self._now, page=out)}

    def inventory(self, of_machine: Callable[[Target], Facts]) -> list[tuple[Target, Facts]]:
        with self._lock:
            watches = [watch for watch in self._list if watch.target.kind == "engine" and watch.told]
        return [(watch.target, inventory.merged(watch.told, of_machine(watch.target))) for watch in watches]

    def joined(self) -> Mapping[str, str]:
        return self._roster.joined

    @property
    def targets(self) -> tuple[Target, ...]:
        return self._list.targets

    @property
    def problems(self) -> Mapping[str, str]:
        """Why each target that is down is down, in words."""
        return {watch.target.name: watch.detail for watch in self._list if watch.up is False}

    # Its parts; each runs on a thread of its own where there is an executor.

    def _scrape(self, watch: Watch, now: float) -> None:
        target, labels = watch.target, watch.labels
        begun = time.perf_counter()
        try:
            raw = self._transport.scrape(target)
            canonical = watch.translator.canonical(raw)
            if target.kind == "engine":
                canonical |= watch.configured(raw, self._describe)
            failure, detail = None, ""
        except ScrapeFailed as problem:
            failure, detail = problem.reason, problem.detail
        except MalformedExposition as problem:
            failure, detail = "malformed", str(problem)
        except Exception as problem:
            log.exception("scrape of %s", target.name)
            failure, detail = "internal", repr(problem)
        with self._lock:
            watch.busy = False
            self._tally.set("probe_scrape_seconds", labels, time.perf_counter() - begun)
            if failure is not None:
                self._failed(watch, failure, detail)
                return
            watch.up, watch.samples, watch.detail = True, canonical, ""
            self._list.count_dropped(watch)
            if target.kind == "gpu" and watch.relabelled() and self._roster.page(target, raw):
                self._watch(self.targets)
            if self._list.get(target) is watch:
                self._learn(watch, now)

    def _failed(self, watch: Watch, reason: str, detail: str) -> None:
        with self._lock:
            self._list.failed(watch, reason, detail)
            self._serving.lost(watch.target)

    def _learn(self, watch: Watch, now: float) -> None:
        service, samples, made = watch.target.service, watch.samples, watch.translator.made
        if watch.target.kind == "engine":
            if self._serving.page(now, watch):  # R1: the similarity probe runs at once
                self._prober.hurry(service)
            if (tokens := serving.tokens(watch)) is not None:
                self._prober.traffic(now, service=service, replica=watch.target.label, tokens=tokens)
        if (bursts := self._serving.bursts.get(service)) is not None:
            bursts.page(now, replica=watch.target.label, samples=samples, made=made)
        self._cards.page(
            now=now, samples=samples, made=made, requests_run=self._serving.runs(service), stalled=self._serving.stalled
        )

    def _sources(self) -> dict[str, Callable[[], None]]:
        """What is asked at each interval beside the targets themselves, by the name that it has in series about the probe."""
        asks: dict[str, Callable[[], None]] = {}
        if self.config.targets_url is not None:
            find = partial(self._transport.discover, self.config.targets_url)
            asks["targets_url"] = partial(self._ask, "targets_url", find, partial(self._found, "targets_url"))
        if (finder := self._finder) is not None:
            for source in self.config.discovery:
                find = partial(finder.find, source)
                asks[source.name] = partial(self._ask, source.name, find, partial(self._found, source.name))
            if self.config.kubelet_socket:
                asks["kubelet"] = partial(self._ask, "kubelet", finder.held, self._held)
        return asks

    def _ask(self, name: str, ask: Callable[[], _Answer], take: Callable[[_Answer], None]) -> None:
        """A source that does not answer leaves things as they were; why is said once, and counted each time."""
        try:
            found = ask()
            with self._lock:
                self._said.pop(name, None)
                take(found)
        except ScrapeFailed as problem:
            if self._said.get(name) != str(problem):
                log.warning("%s: %s", name, problem)
            with self._lock:
                self._said[name] = str(problem)
                self._tally.add("probe_scrape_failures_total", (("reason", problem.reason), ("replica", name)))
        except Exception:
            log.exception("%s", name)
        finally:
            self._busy.discard(name)

    def _found(self, name: str, targets: Sequence[Target]) -> None:
        self._watch(self._roster.found(name, targets))

    def _held(self, pods: Mapping[str, str]) -> None:
        if self._roster.held(pods):
            self._watch(self.targets)

    def _find_processes(self) -> None:
        found = (
            self._finder.on_gpus(self.targets) if self._finder is not None else {}
        )  # milliseconds: not under the lock
        with self._lock:
            if self._roster.processes(found):
                self._watch(self.targets)

    def _read_gpus(self, now: float) -> None:
        try:
            machine = self._gpus.read() if self._gpus is not None else gpu.Machine("off")
        except Exception:
            log.exception("NVML")
            machine = gpu.Machine("failed")
        with self._lock:
            self._cards.machine(
                now=now,
                machine=machine,
                replicas=self._roster.joined,
                requests_run=self._serving.runs(None),
                stalled=self._serving.stalled,
            )
            self._busy.discard("gpu")

    # Its book-keeping.

    def _watch(self, targets: Sequence[Target]) -> None:
        """Takes over a set of targets; what did not change keeps its state."""
        with self._lock:
            same = self._list.targets == tuple(targets)
            if not self._roster.join(targets) and same:
                return  # nearly always
            self._list.take(targets, joined=self._roster.joined)
            self._serving.keep(targets)
            if not same and self._finder is not None:
                self._run(self._find_processes)

    def _set_back(self, now: float) -> None:
        """The clock was set back: what was due later than now was meant for another time."""
        for watch in self._list:
            watch.due = min(watch.due, now)
        self._prober.set_back(now)
        self._due = {what: min(due, now) for what, due in self._due.items()}

    def _take(self, what: str, now: float) -> bool:
        if self._due[what] > now or what in self._busy:
            return False
        self._busy.add(what)
        self._due[what] = self._next(now)
        return True

    def _answered(self, target: Target) -> bool:
        watch = self._list.get(target)
        return watch is not None and watch.up is True

    def _next(self, now: float, watch: Watch | None = None) -> float:
        """The next multiple of the interval: scrapes are aligned to the clock. Engines of a service marked for bursts each second."""
        interval = self.config.scrape_interval_seconds
        if watch is not None and watch.target.kind == "engine" and watch.target.service in self._serving.bursts:
            interval = READ_SECONDS
        return (now // interval + 1) * interval

    def _run(self, work: Callable[[], None]) -> None:
        if self._executor is None:
            _said(work)
            return
        try:
            self._executor.submit(partial(_said, work))
        except RuntimeError as problem:  # no more threads here: it waits for one that ends
            log.warning("%s", problem)


def _said(work: Callable[[], None]) -> None:
    """What breaks in it is said, and stops nothing else."""
    try:
        work()
    except Exception:
        log.exception("something broke while targets were read or canaries judged")
