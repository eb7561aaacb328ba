"""One request on its way through a service."""

from __future__ import annotations


class Request:
    """One request on its way; times are unix seconds, lengths tokens."""

    __slots__ = (
        "abandoned",
        "arrived",
        "attempt",
        "cached",
        "crowd",
        "emitted",
        "finished",
        "first_token",
        "generated",
        "length_stop",
        "preemptions",
        "prompt",
        "scheduled",
        "tenant",
    )

    def __init__(self, arrived: float, prompt: int, cached: int, generated: int, tenant: int, crowd: bool) -> None:
        self.arrived = arrived
        self.prompt = prompt
        self.cached = cached
        self.generated = generated
        self.tenant = tenant
        self.crowd = crowd
        self.scheduled = 0.0
        self.first_token = 0.0
        self.finished = 0.0
        self.emitted = 0
        self.preemptions = 0
        self.length_stop = False
        self.attempt = 1  # of its client
        self.abandoned = False  # its client left, and the engine does not know
