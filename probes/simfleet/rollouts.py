"""Releases on a pool's replicas: rolled out one replica after another, amended and taken back, or on one replica alone.

rollouts = Rollouts(pool)
withdraw = rollouts.amend(lambda release: replace(release, kv_ratio=0.25))  # every replica, one after another
withdraw()                                                                  # back, whatever else was amended since
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from probes.simfleet.replica import Release

if TYPE_CHECKING:
    from probes.simfleet.pool import Pool

_DRAIN_CHECK_SECONDS = 1.0


class Rollouts:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._base = pool.release  # what runs when nobody has amended it
        self._amendments: list[tuple[object, Callable[[Release], Release]]] = []

    def roll_out(self, release: Release) -> None:
        """This release, whatever was amended before."""
        self._base, self._amendments = release, []
        self._change_to(release)

    def amend(self, change: Callable[[Release], Release]) -> Callable[[], None]:
        """Rolls out what `change` makes of the release. Calling what it gives takes this change back, and no other."""
        token = object()
        self._amendments.append((token, change))
        self._change_to(self._amended())

        def withdraw() -> None:
            left = [one for one in self._amendments if one[0] is not token]
            if len(left) < len(self._amendments):
                self._amendments = left
                self._change_to(self._amended())

        return withdraw

    def _amended(self) -> Release:
        release = self._base
        for _, change in self._amendments:
            release = change(release)
        return release

    def _change_to(self, release: Release) -> None:
        """One replica after another: drain, then replace its process."""
        if release is self._pool.release:
            return
        self._pool.previous, self._pool.release = self._pool.release, release
        self._pool.releases[release.version] = release
        self._roll(0, release)

    def reconfigure(self, index: int, release: Release) -> None:
        """One replica's process is replaced at once by one that runs another configuration."""
        self._pool.take_down(index)
        self._pool.replicas[index].begin(release, at=self._pool.now)
        self._pool.begun()

    def swap(self, index: int, release: Release) -> None:
        """The same, once the replica has finished what it has."""
        self._pool.drained.add(index)
        self._pool.reroute()
        replica = self._pool.replicas[index]

        def check(at: float) -> None:
            if replica.engine.outstanding and replica.up:
                self._pool.later(at + _DRAIN_CHECK_SECONDS, check)
                return
            replica.begin(release, at=at)
            self._pool.drained.discard(index)
            self._pool.begun()

        self._pool.later(self._pool.now + _DRAIN_CHECK_SECONDS, check)

    def _roll(self, index: int, release: Release) -> None:
        if release is not self._pool.release or index >= len(self._pool.replicas):
            return
        self._pool.draining = {index}
        self._pool.reroute()
        replica = self._pool.replicas[index]

        def check(at: float) -> None:
            if release is not self._pool.release:
                return
            if replica.engine.outstanding and replica.up:
                self._pool.later(at + _DRAIN_CHECK_SECONDS, check)
                return
            if replica.up:
                replica.begin(release, at=at)
            self._pool.draining = set()
            self._pool.begun()
            self._roll(index + 1, release)

        self._pool.later(self._pool.now + _DRAIN_CHECK_SECONDS, check)
