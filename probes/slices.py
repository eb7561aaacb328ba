"""Where the time of one token goes (R3): network, host, kernel, compute. What cannot be told apart is one slice, and named so. Pure.

All are means over five minutes of one service. With c the client's time per token (canaries), e the engine's (its own histograms), b the
share of time with a kernel resident on its GPUs and a the share of their multiprocessors that were busy:

    network   c - e       between engine and client, a gateway included; needs a canary
    host      e (1 - b)   no kernel on the GPU: scheduling, sampling, Python
    kernel    e (b - a)   a kernel is resident, multiprocessors idle: launches, synchronisation, ranks that spin
    compute   e a         multiprocessors at work

Before the first token a connection is opened, and c does not have that: what it costs, by the canaries' connection phases, is spread over
the tokens that they generated and stands beside them:

    dns, connect, tls   seconds of that phase / tokens of canaries

Worked: c = 90 ms, e = 80 ms, b = 0.95, a = 0.60 are 10 ms network, 4 ms host, 28 ms kernel and 48 ms compute; of a budget of 100 ms
(network 30, host 10, kernel 20, compute 40) kernel and compute are over theirs. A lookup of 4 ms, a connection of 1 ms and TLS of 12 ms
are 0.25, 0.06 and 0.75 ms of each of 16 tokens. Without activity (before Hopper, or denied) it is "kernel+compute"; without a GPU that is
joined to the service, "host+kernel+compute"; without an engine's histogram, "all".
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from probes.exposition import Samples, Series
from probes.signals import PREFIX

STEP_SECONDS, WINDOW_SECONDS = 15.0, 300.0
SERVICES = 1024
_CLIENT = f"{PREFIX}canary_per_token_seconds"
#: The engine's own per-request figure; where it has none, the gaps between its outputs.
_ENGINE = (f"{PREFIX}per_token_seconds", f"{PREFIX}inter_token_seconds")
_PHASES, _TOKENS = f"{PREFIX}canary_phase_seconds_sum", f"{PREFIX}canary_tokens_total"
OPENING = ("dns", "connect", "tls")  # phases before the request
_BUSY, _ACTIVE = f"{PREFIX}gpu_utilisation_ratio", f"{PREFIX}gpu_sm_activity_ratio"
_PARTS = {
    f"{family}{part}": (family, at) for family in (_CLIENT, *_ENGINE) for at, part in enumerate(("_sum", "_count"))
}


def split(*, client: float | None, engine: float | None, busy: float | None, active: float | None) -> dict[str, float]:
    """Seconds by slice; their sum is the client's time, or the engine's where no client measured."""
    if engine is None:
        return {} if client is None else {"all": client}
    found = {} if client is None else {"network": max(0.0, client - engine)}
    if busy is None:
        return {**found, "host+kernel+compute": engine}
    found["host"] = engine * (1.0 - busy)
    if active is None:
        return {**found, "kernel+compute": engine * busy}
    working = min(active, busy)
    return {**found, "kernel": engine * (busy - working), "compute": engine * working}


class TokenTimes:
    """Fed with a probe's whole page, now and then."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, dict[tuple[str, str], tuple[float, float]]]] = deque(maxlen=32)
        self._gpus: deque[tuple[float, dict[tuple[str, str], float]]] = deque(maxlen=32)

    def samples(self, *, now: float, page: Mapping[Series, float]) -> Samples:
        totals: dict[tuple[str, str], list[float]] = {}  # service and family to sum and count
        ratios: dict[tuple[str, str], list[float]] = {}
        for one, value in page.items():
            if (part := _PARTS.get(one.name)) is not None:
                found = totals.setdefault((one.label("service") or "", part[0]), [0.0, 0.0])
                found[part[1]] += value
            elif one.name == _TOKENS:  # the count that each phase's seconds are spread over
                for phase in OPENING:
                    totals.setdefault((one.label("service") or "", phase), [0.0, 0.0])[1] += value
            elif one.name == _PHASES and (phase := one.label("reason") or "") in OPENING:
                totals.setdefault((one.label("service") or "", phase), [0.0, 0.0])[0] += value
            elif one.name in (_BUSY, _ACTIVE) and one.label("replica") != "unjoined":
                ratios.setdefault((one.label("service") or "", one.name), []).append(value)
        while self._marks and (self._marks[0][0] <= now - WINDOW_SECONDS or self._marks[0][0] > now):
            self._marks.popleft()
        before = self._marks[0][1] if self._marks else {}
        current = {key: (value[0], value[1]) for key, value in totals.items()}
        if not self._marks or now - self._marks[-1][0] >= STEP_SECONDS:
            self._marks.append((now, current))
            self._gpus.append((now, {key: math.fsum(found) / len(found) for key, found in ratios.items()}))
        out: Samples = {}
        for service in sorted({service for service, _ in current})[:SERVICES]:
            engine = next(
                (mean for family in _ENGINE if (mean := _mean(before, current, (service, family))) is not None), None
            )
            shown = split(
                client=_mean(before, current, (service, _CLIENT)),
                engine=engine,
                busy=self._ratio((service, _BUSY), now),
                active=self._ratio((service, _ACTIVE), now),
            )
            opening = {phase: _mean(before, current, (service, phase)) for phase in OPENING}
            for name, seconds in {**{phase: mean for phase, mean in opening.items() if mean}, **shown}.items():
                out[Series(f"{PREFIX}token_time_seconds", (("reason", name), ("service", service)))] = seconds
        return out

    def _ratio(self, key: tuple[str, str], now: float) -> float | None:
        found = [seen[key] for at, seen in self._gpus if now - WINDOW_SECONDS < at <= now and key in seen]
        return math.fsum(found) / len(found) if found else None


def _mean(
    before: Mapping[tuple[str, str], tuple[float, float]],
    now: Mapping[tuple[str, str], tuple[float, float]],
    key: tuple[str, str],
) -> float | None:
    """None where nothing was counted since, or a replica left or restarted: a sum that fell is no increment."""
    if key not in before or key not in now:
        return None
    total, count = (later - earlier for earlier, later in zip(before[key], now[key], strict=True))
    return total / count if count > 0 and total >= 0 else None
