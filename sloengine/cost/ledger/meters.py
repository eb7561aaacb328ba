"""What is counted of an hour's use, in whole numbers, so that parts add up to wholes exactly. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class TokenClass(StrEnum):
    """Classes that price lists tell apart. They do not overlap: a prompt token found in the cache is `cache_read`, not `input`."""

    INPUT = "input"
    CACHE_READ = "cache_read"
    CACHE_WRITE = "cache_write"
    OUTPUT = "output"
    REASONING = "reasoning"
    BATCH_INPUT = "batch_input"
    BATCH_OUTPUT = "batch_output"
    UNSPLIT = "unsplit"  # a gateway that counts tokens without saying which


MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Quantities:
    """One hour (or the sum of many) of one slice: requests by end, tokens by class, milliseconds of hardware.

    `busy_ms` is hardware at work for the slice, `idle_ms` its part of hardware that was paid and stood idle, `shared_ms` its part
    of nodes that serve every service. Two GPUs for half an hour are 3,600,000 ms.
    """

    requests_ok: int = 0
    requests_failed: int = 0
    requests_aborted: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    batch_input: int = 0
    batch_output: int = 0
    unsplit: int = 0
    busy_ms: int = 0
    idle_ms: int = 0
    shared_ms: int = 0

    def __add__(self, other: Quantities) -> Quantities:
        return Quantities(*(getattr(self, name) + getattr(other, name) for name in COLUMNS))

    @property
    def requests(self) -> int:
        return self.requests_ok + self.requests_failed + self.requests_aborted

    @property
    def tokens(self) -> dict[TokenClass, int]:
        """Tokens by class, those that were used."""
        return {one: amount for one in TokenClass if (amount := getattr(self, one.value))}

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in COLUMNS)


#: The columns of a row of usage, in order.
COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Quantities))


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """Who used what where. An empty word is not known: no gateway names the tenant, no probe the variant."""

    model: str = ""
    variant: str = ""
    region: str = ""
    hardware: str = ""
    purchase: str = ""
    tenant: str = ""
    tag: str = ""


Usage = Mapping[Slice, Quantities]
