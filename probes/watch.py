"""One target as the agent watches it: how its page is translated, what it said last, what that means beside what it said before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from probes import inventory, naming
from probes.config import Target
from probes.exposition import Samples, Series
from probes.inventory import Fact, Facts
from probes.pulse import Pulse
from probes.replica import Translator
from probes.window import LatencyWindow

ASK_TIMES = 3
Ask = Callable[[Target], Mapping[str, Fact] | None]


class Watch:
    """One target: how to translate it and what it said last."""

    def __init__(self, target: Target, translator: Translator) -> None:
        self.target, self.translator = target, translator
        self.labels = naming.own(target)  # how the probe names it in series about itself
        self.due = 0.0
        self.busy = False
        self.up: bool | None = None  # None: not scraped yet
        self.samples: Samples = {}
        self.detail = ""
        self._labelled = -1
        self._inventory: tuple[tuple[int, int], Samples] = ((0, 0), {})
        self._asked = 0  # how often in vain since the engine started
        self.told: Facts = {}  # by the page, by the engine itself and by the configuration
        self._vitals: tuple[Pulse, LatencyWindow] | None = None
        self.recent: Samples = {}  # its latency over the last five minutes

    def configured(self, raw: Mapping[Series, float], ask: Ask | None) -> Samples:
        """The configuration shows in labels and is asked of the engine: it can only have changed where series did, or at a start.

        While the engine cannot be asked there is no hash, rather than one that changes with the answer.
        """
        state = self.translator.plans, self._vitals[0].restarts if self._vitals is not None else 0
        if self._inventory[0] != state:
            asked = {} if ask is None else ask(self.target)
            if asked is None and (tries := self._asked) < ASK_TIMES:
                self._asked = tries + 1
                return {}
            self._asked = 0
            page = {
                name: Fact(value, "metrics page")
                for name, value in inventory.fields(raw, self.translator.dialects).items()
            }
            engine = {"engine": Fact(", ".join(one.name for one in self.translator.dialects), "metrics page")}
            self.told = {**inventory.of_target(self.target), **engine, **page, **(asked or {})}
            self._inventory = state, inventory.canonical(self.target, inventory.hashed(self.told))
        return self._inventory[1]

    def relabelled(self) -> bool:
        """Whether series appeared or vanished since this was last asked: pods show in labels."""
        before, self._labelled = self._labelled, self.translator.plans
        return before != self._labelled

    def feel(self, now: float) -> float:
        """Adds what an engine's page says beside the pages before it; the seconds for which it has owed a token."""
        if self._vitals is None:
            self._vitals = Pulse(self.translator.labels), LatencyWindow(self.translator.labels)
        pulse, window = self._vitals
        made = self.translator.made
        pulse.read(now=now, samples=self.samples, made=made)
        plans = self.translator.plans
        window.read(now=now, samples=self.samples, made=made, plans=plans, restarts=pulse.restarts)
        self.recent = window.samples
        return pulse.stalled_seconds
