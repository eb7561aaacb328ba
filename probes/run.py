"""A running probe: its parts, its loop, and what SIGHUP does. An edge.

A reload reads the configuration again. One that is wrong, or that cannot be had (a port that is taken, a certificate that cannot be read),
is told and changes nothing. One that is right replaces agent, canaries and receivers; addresses that stay are never let go, and
certificates, passwords and tokens are read anew. The probe's own counters begin again, and `probe_start_seconds` says so; engines'
counters are the engines' and go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from probes import commands, inventory, references_command
from probes.agent import Agent
from probes.commands import Commands, CommandServer
from probes.config import ProbeConfig
from probes.describe import Describer
from probes.exporter import Exporter, guard
from probes.exposition import Samples
from probes.finder import Finder
from probes.http import HttpTransport
from probes.nvml import NvmlReader
from probes.receivers import Receivers
from probes.simfleet.driver import Board, SimulatedDriver

log = logging.getLogger(__name__)

#: Started only when all others wait: so many targets and canaries may hang before they delay one that does not.
THREADS = 512
SIMULATED_GPUS = 8


class Signals:
    """What the operator asked for. `wake` is set with either."""

    def __init__(self) -> None:
        self.stop, self.reload, self.wake = threading.Event(), threading.Event(), threading.Event()

    def stopping(self) -> None:
        self.stop.set()
        self.wake.set()

    def reloading(self) -> None:
        self.reload.set()
        self.wake.set()


def run(loaded: ProbeConfig, *, signals: Signals, load: Callable[[], ProbeConfig | None]) -> int:
    """Until told to stop. `load` reads the configuration again; None where it is wrong, which it has told."""
    probe = _Probe(loaded)
    exporter = _exported(loaded, probe)
    try:
        while True:
            log.info("%d targets, %d canaries, %s/metrics", len(loaded.targets), len(loaded.canaries), exporter.url)
            fresh = probe.until_told(signals, load)
            if fresh is None:
                probe.close()
                return 0
            try:
                probe, exporter = _exchanged(probe, exporter, loaded, fresh)
            except (OSError, ImportError) as problem:
                log.error("not reloaded: %s", problem)
            else:
                loaded = fresh
    finally:
        _shut(exporter)


def _exchanged(probe: _Probe, exporter: Exporter, loaded: ProbeConfig, fresh: ProbeConfig) -> tuple[_Probe, Exporter]:
    """The next configuration's probe and page. What can fail (a port that is taken, a certificate or a token that cannot be read) does
    so before anything of the running one is given up."""
    guarded = guard(fresh.tls, fresh.auth)
    moved = (fresh.host, fresh.port) != (loaded.host, loaded.port)
    page = _listening(fresh) if moved else exporter
    try:
        after = _Probe(fresh, before=probe)
    except BaseException:
        if moved:
            page.server_close()
        raise
    page.samples, page.inventory = after.page, after.inventory
    page.take(guarded)
    if moved:
        _serve(page)
        _shut(exporter)
    probe.close(but=after.commands)
    return after, page


class _Probe:
    commands: CommandServer | None
    receivers: Receivers
    agent: Agent

    def __init__(self, loaded: ProbeConfig, *, before: _Probe | None = None) -> None:
        """`before`: the running probe; it gives up its receivers and its list of commands where nothing here fails."""
        seconds = loaded.scrape_timeout_seconds
        judge = references_command.judge(loaded)
        fresh = _Commanding(loaded.commands, before.commands if before is not None else None)
        try:
            self.receivers = Receivers(loaded, started=now(), before=before.receivers if before is not None else None)
        except BaseException:
            fresh.give_up()
            raise
        self.commands = fresh.take()
        self.reader = reader_of(loaded, watch=True)
        self.transport = HttpTransport(scrape_timeout_seconds=seconds)
        self.pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="probe")
        self.finder = Finder(timeout_seconds=seconds, gpus=self.reader, kubelet_socket=loaded.kubelet_socket)
        self.describer = Describer(
            timeout_seconds=seconds,
            machine=lambda: {} if self.reader is None else self.reader.facts,
            joined=lambda: self.agent.joined(),
        )
        self.agent = Agent(
            loaded,
            self.transport,
            started=now(),
            executor=self.pool,
            gpus=self.reader,
            judge=judge,
            finder=self.finder,
            more=(self.receivers.samples,),
            describe=self.describer.engine,
        )

    def page(self) -> Samples:
        out = self.agent.page()
        for target, facts in self.agent.inventory(self.describer.machine):
            out |= inventory.shown(target, facts)
        return out

    def inventory(self) -> str:
        return inventory.document(self.agent.inventory(self.describer.machine))

    def until_told(self, signals: Signals, load: Callable[[], ProbeConfig | None]) -> ProbeConfig | None:
        """The loop. A configuration to go on with, or None to stop."""
        while not signals.stop.is_set():
            if signals.reload.is_set():
                signals.reload.clear()
                signals.wake.clear()
                if (fresh := load()) is not None:
                    return fresh
            self.agent.tick(now())
            signals.wake.wait(min(1.0, max(0.05, self.agent.next_due() - now())))
        return None

    def close(self, *, but: CommandServer | None = None) -> None:
        """Nothing new begins, and the receivers' ports are free at once. `but` goes on: the next probe has it."""
        self.receivers.close()
        if self.commands is not None and self.commands is not but:
            self.commands.shutdown()
            self.commands.server_close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        threading.Thread(target=self._end, name="probe-end", daemon=True).start()

    def _end(self) -> None:
        """What is under way ends by itself, and needs these until then."""
        self.pool.shutdown(wait=True)
        for part in (self.transport, self.finder, self.describer):
            part.close()
        if self.reader is not None:
            self.reader.close()


class _Commanding:
    """The commands of the next configuration, read and listening, before anything of the running one is given up."""

    def __init__(self, config: Commands | None, running: CommandServer | None) -> None:
        stays = config is not None and running is not None and running.at(config)
        self.config, self.running = config, running if stays else None
        self.secret = "" if config is None else commands.read_secret(config)
        self.fresh = None if config is None or stays else CommandServer(config, now=now)

    def give_up(self) -> None:
        if self.fresh is not None:
            self.fresh.server_close()

    def take(self) -> CommandServer | None:
        if self.running is not None and self.config is not None:
            self.running.take(self.config, secret=self.secret)
            return self.running
        if self.fresh is not None:
            threading.Thread(target=self.fresh.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
        return self.fresh


def reader_of(loaded: ProbeConfig, *, watch: bool = False) -> NvmlReader | None:
    if loaded.gpu == "simulated":
        boards = (Board(f"GPU-00000000-0000-4000-8000-{at:012d}") for at in range(SIMULATED_GPUS))
        return NvmlReader(SimulatedDriver(*boards, clock=now), watch=watch)
    return None if loaded.gpu == "off" else NvmlReader(watch=watch)


def now() -> float:
    """The probe's only clock, in unix seconds."""
    return time.time()


def _exported(loaded: ProbeConfig, probe: _Probe) -> Exporter:
    exporter = _listening(loaded)
    exporter.samples, exporter.inventory = probe.page, probe.inventory
    _serve(exporter)
    return exporter


def _listening(loaded: ProbeConfig) -> Exporter:
    return Exporter(host=loaded.host, port=loaded.port, samples=dict, tls=loaded.tls, auth=loaded.auth)


def _serve(exporter: Exporter) -> None:
    threading.Thread(target=exporter.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True).start()


def _shut(exporter: Exporter) -> None:
    exporter.shutdown()
    exporter.server_close()
