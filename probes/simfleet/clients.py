"""Those who ask beyond the usual arrivals: a crowd that asks again once answered, clients that retry, that lose patience, that are
not helped and come back. What they do follows from what they get, so a fault can feed itself.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush

from probes.simfleet.gateway import Gateway
from probes.simfleet.request import Request
from probes.simfleet.traffic import Traffic

CROWD_SLICE = 0.5
#: Share of answers after which a user has what he came for, as the business counts it.
SETTLES = 0.62
#: How long a user reads before he asks again, in seconds.
READS = (15.0, 45.0)


class Clients:
    def __init__(self, *, traffic: Traffic, gateway: Gateway, rng: random.Random) -> None:
        self._traffic, self._gateway, self._rng = traffic, gateway, rng
        self.retries, self.backoff_seconds = 0, 1.0  # how often a client asks again after a failure
        self.patience_seconds = 0.0  # after so long without the whole answer a client leaves; the engine is not told
        self.settles, self.comes_back = (
            SETTLES,
            0.0,
        )  # share of answers that settle a matter; of the others that ask again
        self.settled = 0
        self._wanted = self._present = 0
        self._think_seconds = 1.0
        self._crowd: list[float] = []
        self._again: list[tuple[float, int, Request]] = []
        self._impatient: list[tuple[float, int, Request]] = []
        self._order = 0

    @property
    def active(self) -> bool:
        """Whether what they do next depends on what comes meanwhile."""
        beyond = self._crowd or self._wanted or self._again or self._impatient
        return bool(beyond or self.patience_seconds or self.retries or self.comes_back)

    def due(self, end: float) -> list[Request]:
        """Those who ask up to then."""
        found: list[Request] = []
        while self._crowd and self._crowd[0] <= end:
            found.append(self._traffic.one(self._rng, heappop(self._crowd)))
        while self._again and self._again[0][0] <= end:
            found.append(heappop(self._again)[2])
        return found

    def gather(self, *, size: int, think_seconds: float, ramp_seconds: float, now: float) -> None:
        """A crowd of `size`; who is new arrives over the ramp. Each asks again as soon as it has its answer and has thought."""
        more, self._wanted, self._think_seconds = size - self._present, size, think_seconds
        for i in range(more):
            heappush(self._crowd, now + ramp_seconds * (i + 0.5) / more)
        self._present += max(0, more)

    def disperse(self) -> None:
        """Who waits for an answer takes it and leaves."""
        self._wanted, self._present = 0, self._present - len(self._crowd)
        self._crowd = []

    def admitted(self, request: Request) -> None:
        if self.patience_seconds:
            self._order += 1
            heappush(self._impatient, (request.arrived + self.patience_seconds, self._order, request))

    def lose_patience(self, end: float) -> None:
        """Who has no whole answer by now leaves, and may ask again; the engine goes on with the request that nobody wants."""
        while self._impatient and self._impatient[0][0] <= end:
            at, _, request = heappop(self._impatient)
            if not request.finished and not request.abandoned:
                request.abandoned = True
                self._gateway.fail("408", request.tenant)
                self.failed(request, at)

    def answered(self, request: Request) -> None:
        if request.abandoned:
            return
        self._gateway.answered.append(request)
        luck = request.arrived * 7919.0 % 1.0
        if luck < self.settles:
            self.settled += 1
        elif self.comes_back and (luck - self.settles) < self.comes_back * (1.0 - self.settles):
            wait = READS[0] + (READS[1] - READS[0]) * (request.arrived * 131.0 % 1.0)
            self._ask_again(request, request.finished + wait, attempt=1)
        if request.crowd:
            self._return(request, request.finished)

    def failed(self, request: Request, at: float) -> None:
        """Its client may ask again, twice as late each time."""
        if request.crowd:
            self._return(request, at)
        elif request.attempt <= self.retries:
            wait = self.backoff_seconds * 2.0 ** (request.attempt - 1)
            self._ask_again(request, at + wait, attempt=request.attempt + 1)

    def _ask_again(self, request: Request, at: float, *, attempt: int) -> None:
        again = Request(at, request.prompt, request.cached, request.generated, request.tenant, False)
        again.attempt, again.length_stop = attempt, request.length_stop
        self._order += 1
        heappush(self._again, (at, self._order, again))

    def _return(self, request: Request, at: float) -> None:
        """The client thinks 0.75 to 1.25 times `think_seconds`, never less than a slice, and asks again."""
        if self._present > self._wanted:
            self._present -= 1
        else:
            share = request.arrived * 997.0 % 1.0
            heappush(self._crowd, at + max(CROWD_SLICE, self._think_seconds * (0.75 + 0.5 * share)))
