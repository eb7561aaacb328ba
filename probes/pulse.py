"""Whether an engine moves: its gauges are believed only beside a counter that moves with them. Pure.

Engines write latency histograms when a request finishes, so one that hangs shows nothing there: a hang is requests running and
no token (vllm#41530). A KV-cache gauge may stay at 99 % on an idle engine (vllm#29928), and that is no pressure: there it is
taken off the page and `kv_stale` said instead. Restarts show in the start time, in `_created` where there is none, or in a fall.

    serving      tokens were generated or prompts read since the scrape before, or requests have only just come
    idle         nothing runs and nothing waits
    hanging      requests run and for a minute no token came
    blocked      nothing runs, requests wait, and for a minute no token came (vllm#39734: a request that never fits)
    cannot_tell  the page lacks running requests or tokens
    kv_stale     beside idle: the KV-cache gauge stands still above 0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX

HANG_SECONDS = 60.0
_RUNNING, _WAITING = f"{PREFIX}requests_running", f"{PREFIX}requests_waiting"
_TOKENS, _PROMPTS = f"{PREFIX}generated_tokens_total", f"{PREFIX}prompt_tokens_total"
_KV, _START = f"{PREFIX}kv_cache_ratio", f"{PREFIX}process_start_seconds"

Made = Mapping[str, Sequence[Series]]


class Pulse:
    """One engine. `labels`: those of its replica, sorted."""

    def __init__(self, labels: Labels) -> None:
        self._stalled = Series(f"{PREFIX}engine_stalled_seconds", labels)
        self._restarts = Series(f"{PREFIX}engine_restarts_total", labels)
        self._state = {
            state: Series(f"{PREFIX}engine_state", tuple(sorted((*labels, ("state", state)))))
            for state in ("serving", "idle", "hanging", "blocked", "cannot_tell", "kv_stale")
        }
        self._before: tuple[float, float] | None = None  # tokens of both kinds, KV-cache ratio
        self._start: float | None = None
        self._moved_at: float | None = None  # the latest moment at which it moved or had nothing to do
        self.restarts = 0
        self.stalled_seconds = 0.0

    def read(self, *, now: float, samples: Samples, made: Made) -> None:
        """Adds what it finds to the samples of one scrape, and takes a gauge away that is stale."""
        self._restarted(samples, made)
        samples[self._restarts] = float(self.restarts)
        samples.update(
            dict.fromkeys(self._state.values(), 0.0)
        )  # a page whose series come and go costs its readers dear
        if _RUNNING not in made or _TOKENS not in made:
            samples[self._state["cannot_tell"]] = 1.0
            return
        running, waiting = _sum(samples, made, _RUNNING), _sum(samples, made, _WAITING)
        tokens = _sum(samples, made, _TOKENS) + _sum(samples, made, _PROMPTS)
        kv = max((samples[one] for one in made.get(_KV, ())), default=0.0)
        before, self._before = self._before, (tokens, kv)
        idle = running <= 0 and waiting <= 0
        moved = before is None or tokens != before[0]
        if idle or moved or self._moved_at is None or self._moved_at > now:
            self._moved_at = now
        self.stalled_seconds = samples[self._stalled] = now - self._moved_at
        if idle:
            samples[self._state["idle"]] = 1.0
            if before is not None and not moved and kv > 0 and kv == before[1]:
                samples[self._state["kv_stale"]] = 1.0
                for one in made.get(_KV, ()):
                    samples.pop(one, None)
        elif self.stalled_seconds >= HANG_SECONDS:
            samples[self._state["hanging" if running > 0 else "blocked"]] = 1.0
        else:
            samples[self._state["serving"]] = 1.0

    def _restarted(self, samples: Samples, made: Made) -> None:
        """A start that moved by more than a second: some engines round it anew at every scrape."""
        start = max((samples[one] for one in made.get(_START, ())), default=None)
        fell = (
            self._before is not None and _sum(samples, made, _TOKENS) + _sum(samples, made, _PROMPTS) < self._before[0]
        )
        later = start is not None and self._start is not None and start > self._start + 1.0
        if later or (fell and start is None):
            self.restarts += 1
            self._before = None
        if start is not None:
            self._start = start


def _sum(samples: Mapping[Series, float], made: Made, family: str) -> float:
    return sum(samples[one] for one in made.get(family, ()))
