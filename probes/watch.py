"""One target as the agent watches it: how its page is translated, what it said last, what that means beside what it said before. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from probes import inventory, naming
from probes.config import Target
from probes.exposition import Samples, Series
from probes.pulse import Pulse
from probes.replica import Translator
from probes.window import LatencyWindow


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
        self._inventory: tuple[int, Samples] = (0, {})
        self._vitals: tuple[Pulse, LatencyWindow] | None = None
        self.recent: Samples = {}  # its latency over the last five minutes

    def configured(self, raw: Mapping[Series, float]) -> Samples:
        """The configuration shows in labels: it can only have changed where series did."""
        if self._inventory[0] != self.translator.plans:
            fields = inventory.fields(raw, self.translator.dialects)
            self._inventory = self.translator.plans, inventory.canonical(self.target, fields)
        return self._inventory[1]

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
