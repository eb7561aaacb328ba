"""Which canary is due, whether it may be sent, and what came of it. Time is a parameter; `run` starts work on a thread or inline.

Prompts go in turn by slice, one at each interval, none ever sent again. What keeps them small is in probes.bounds; a service that
is scaled to zero is not woken. Latency per token above 130 ms (R1) asks references at once, a few of each slice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from probes import bounds, canary
from probes.canary import CanaryTally, Completion
from probes.config import Canary, ProbeConfig, Target
from probes.exposition import Samples
from probes.judging import Judge
from probes.prompts import Prompt

log = logging.getLogger(__name__)

#: What answers showed is shown until its slice would have been answered this often again, and this long at least.
STALE_ROUNDS, STALE_SECONDS = 3, 120.0
URGENT_EACH = 3  # prompts of a slice that are asked at once
AGAIN_SECONDS = 1.0  # when there was no place for a canary
CHARACTERS_A_TOKEN = 4  # of a prompt whose tokens the server does not count
SKIPS = ("budget", "share", "concurrency", "asleep")


class _Turn:
    """One canary of the configuration and where it is in its rounds."""

    def __init__(self, at: int, asked: Canary, started: float) -> None:
        self.at, self.canary = at, asked
        self.rotation = _rotation(asked.prompts)
        each = len(asked.prompts) / min(_sizes(asked.prompts).values())  # turns from one of a slice to its next
        self.stale_seconds = max(STALE_SECONDS, STALE_ROUNDS * asked.interval_seconds * each)
        self.planned = started  # on the grid of its interval
        self.due = started  # that, and its jitter
        self.asked = self.round = 0
        self.factor = 1
        self.busy = self.urgent = False

    def plan(self, now: float) -> None:
        interval = self.canary.interval_seconds * self.factor
        self.planned = self.planned + interval if self.planned + interval > now else now + interval
        self.round += 1
        self.due = self.planned + bounds.jitter(interval, self.canary.jitter_ratio, at=self.at, round_=self.round)

    def next(self) -> Prompt:
        self.asked += 1
        return self.rotation[(self.asked - 1) % len(self.rotation)]


class Prober:
    def __init__(
        self,
        config: ProbeConfig,
        *,
        started: float,
        judge: Judge,
        complete: Callable[[Canary, Prompt], Completion],
        run: Callable[[Callable[[], None]], None],
        lock: AbstractContextManager[object],
    ) -> None:
        self._judge, self._complete, self._run, self._lock = judge, complete, run, lock
        self._most = config.canaries_at_once
        self._turns = [_Turn(at, one, started) for at, one in enumerate(config.canaries)]
        self._pace = bounds.Pace(per_minute=config.requests_per_minute, started=started)
        self._shares = {
            one.service: bounds.Share(share=config.traffic_share, floor_per_minute=config.floor_per_minute)
            for one in config.canaries
        }
        self._tally = CanaryTally(
            embedder=judge.embedder.name, lexical=judge.embedder.lexical, false_alarm_days=config.false_alarm_days
        )
        for service in self._shares:
            for reason in SKIPS:
                self._tally.tally.add("canary_skipped_total", _skip(service, reason), 0.0)
        self._seen: set[str] = set()  # services that once had an engine here

    def tick(self, now: float, targets: Sequence[Target], up: Callable[[Target], bool]) -> None:
        """Sends what is due. `up`: whether an engine answered its last scrape."""
        self._seen |= {target.service for target in targets if target.kind == "engine"}
        for turn in self._turns:
            if not turn.busy:
                self._turn(turn, now, targets, up)

    def next_due(self) -> float:
        return min((turn.due for turn in self._turns), default=float("inf"))

    def set_back(self, now: float) -> None:
        """The clock was set back: what was planned for later than now was meant for another time."""
        for turn in self._turns:
            turn.planned, turn.due = min(turn.planned, now), min(turn.due, now)

    def hurry(self, service: str) -> None:
        """Answers of this service are to be compared at once."""
        for turn in self._turns:
            turn.urgent |= turn.canary.service == service

    def traffic(self, now: float, *, service: str, replica: str, tokens: float) -> None:
        """The cumulative tokens of a replica, as its engine counts them."""
        if service in self._shares:
            self._shares[service].read(now, replica=replica, tokens=tokens)

    def samples(self) -> Samples:
        return self._tally.tally.samples()

    def _turn(self, turn: _Turn, now: float, targets: Sequence[Target], up: Callable[[Target], bool]) -> None:
        asked, service = turn.canary, turn.canary.service
        urgent: tuple[Prompt, ...] = ()
        if turn.urgent:
            turn.urgent = False
            urgent = tuple(_few(prompt for prompt in turn.rotation if prompt.references))
        if turn.due > now and not urgent:
            return
        if sum(other.busy for other in self._turns) >= self._most:
            turn.urgent = bool(urgent)
            turn.due = max(turn.due, now + AGAIN_SECONDS)
            self._skipped(service, "concurrency")
            return
        asks: list[tuple[Canary, Prompt]] = []
        if self._asleep(asked, targets, up):
            self._skipped(service, "asleep")
        else:
            asks = [(asked, prompt) for prompt in urgent if self._may(service, now)]
            if turn.due <= now and self._may(service, now, share=True):
                prompt = turn.next()
                asks.append((asked, prompt))
                if (pod := _pod(asked, targets, turn.asked)) is not None and self._may(service, now):
                    asks.append((pod, prompt))
        if turn.due <= now:
            turn.plan(now)
            with self._lock:
                self._tally.forget(service=service, before=now - turn.stale_seconds)
        if asks:
            self._ask(turn, asks, now, targets)

    def _may(self, service: str, now: float, *, share: bool = False) -> bool:
        if share and not self._shares[service].take(now):
            self._skipped(service, "share")
            return False
        if not self._pace.take(now):
            self._skipped(service, "budget")
            return False
        return True

    def _asleep(self, asked: Canary, targets: Sequence[Target], up: Callable[[Target], bool]) -> bool:
        """Scaled to zero: its engines were here and are listed no more; or, where the configuration says that it may be, none is up."""
        engines = [target for target in targets if target.kind == "engine" and target.service == asked.service]
        if asked.scale_to_zero:
            return not any(up(engine) for engine in engines)
        return not engines and asked.service in self._seen

    def _ask(self, turn: _Turn, asks: Sequence[tuple[Canary, Prompt]], now: float, targets: Sequence[Target]) -> None:
        turn.busy = True

        def work() -> None:
            try:
                for asked, prompt in asks:
                    self._one(turn, asked, prompt, now, targets)
            finally:
                turn.busy = False

        self._run(work)

    def _one(self, turn: _Turn, asked: Canary, prompt: Prompt, now: float, targets: Sequence[Target]) -> None:
        try:
            completion = self._complete(asked, prompt)
        except Exception as problem:
            log.exception("canary %s of %s", prompt.name, asked.service)
            completion = Completion(outcome="error", reason="internal", detail=repr(problem))
        judgement = None
        if completion.outcome == "ok":
            judgement = self._judge.judge(prompt, completion.text, retrieved=completion.retrieved)
        turn.factor = bounds.slower(turn.factor, completion.outcome)
        tokens = (completion.prompt_tokens or len(prompt.text) // CHARACTERS_A_TOKEN) + completion.counted
        with self._lock:
            self._shares[asked.service].spent(now, tokens)
            labels = canary.labels(asked, prompt, targets)
            self._tally.asked(labels=labels, now=now)
            self._tally.add(labels=labels, completion=completion, stall_seconds=asked.stall_seconds)
            if judgement is not None:
                self._tally.judged(now=now, canary=asked, labels=labels, prompt=prompt, judgement=judgement)

    def _skipped(self, service: str, reason: str) -> None:
        with self._lock:
            self._tally.tally.add("canary_skipped_total", _skip(service, reason))


def _rotation(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """Each slice spread evenly over the round, whatever its size: of 2 short and 4 code, code short code code short code."""
    seen: dict[str, int] = {}
    sizes = _sizes(prompts)
    places: list[float] = []
    for prompt in prompts:
        places.append((seen.get(prompt.slice, 0) + 0.5) / sizes[prompt.slice])
        seen[prompt.slice] = seen.get(prompt.slice, 0) + 1
    return tuple(prompt for _, prompt in sorted(zip(places, prompts, strict=True), key=lambda pair: pair[0]))


def _sizes(prompts: Sequence[Prompt]) -> dict[str, int]:
    return dict(Counter(prompt.slice for prompt in prompts))


def _few(prompts: Iterator[Prompt]) -> Iterator[Prompt]:
    counts: dict[str, int] = {}
    for prompt in prompts:
        counts[prompt.slice] = counts.get(prompt.slice, 0) + 1
        if counts[prompt.slice] <= URGENT_EACH:
            yield prompt


def _pod(asked: Canary, targets: Sequence[Target], turn: int) -> Canary | None:
    """The same canary for one replica, another each time; the way to it is that of its metrics page."""
    engines = [target for target in targets if target.kind == "engine" and target.service == asked.service]
    if not asked.per_replica or not engines:
        return None
    engine = engines[turn % len(engines)]
    url = engine.url.removesuffix("/metrics").removesuffix("/prometheus")
    return replace(asked, url=url, replica=engine.label, version=asked.version or engine.version, region=engine.region)


def _skip(service: str, reason: str) -> tuple[tuple[str, str], ...]:
    return (("reason", reason), ("service", service))
