"""Which children the platform has on one machine, how long a dead one waits, and in which order all of them stop. Pure."""

from __future__ import annotations

import enum
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DEFAULT_PORT = 8000
#: Of the web's port: 8000 gives the probe 9840 and the demo fleet 9850.
PROBE_OFFSET, FLEET_OFFSET = 1840, 1850
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
#: A child that lived this long has done its work; its death starts the waits anew.
HEALTHY_LIFE_SECONDS = 60.0
#: Celery's five lines against running as root; `up` says it once, in one.
ROOT_WARNING = (
    "SecurityWarning: You're running the worker with superuser privileges",
    "absolutely not recommended!",
    "Please specify a different user using the --uid option.",
    "User information: uid=0",
    "_warn_or_raise_security_error(",
    "worker: Warm shutdown",
)


class Rank(enum.IntEnum):
    """Stops in this order, each rank after the one before it is gone: servers outlive those who write to them."""

    WORK = 0
    SERVER = 1


@dataclass(frozen=True, slots=True)
class Child:
    """One part of the platform: what runs, how gently, and how it likes to be stopped."""

    name: str
    argv: tuple[str, ...]
    rank: Rank = Rank.WORK
    nice: int = 0
    stop_signal: int = signal.SIGTERM
    uid: int | None = None
    gid: int | None = None
    #: Lines with any of these words are this program's small talk and are not shown.
    small_talk: tuple[str, ...] = ()

    def worth_showing(self, line: str) -> bool:
        return not any(words in line for words in self.small_talk)


@dataclass(frozen=True, slots=True)
class Ports:
    web: int
    probe: int
    fleet: int


class Reason(enum.StrEnum):
    """Why a child comes back when it does."""

    LIVED_WELL = "it had run well, so it comes back at once"
    DIED_AGAIN = "it keeps dying, so each wait is twice the last"
    WAITS_LONGEST = "it keeps dying; waits do not get longer than this"


@dataclass(frozen=True, slots=True)
class Restart:
    wait_seconds: float
    reason: Reason


def ports(web: int) -> Ports:
    """Three neighbours that move together, so that two platforms on one machine need one setting each: 8000, 9840, 9850."""
    sign = 1 if web + FLEET_OFFSET <= 65535 else -1
    return Ports(web=web, probe=web + sign * PROBE_OFFSET, fleet=web + sign * FLEET_OFFSET)


def restart(lives_seconds: Sequence[float]) -> Restart:
    """After lives of these lengths, newest last: 0.5 s after a good one, then 1, 2, 4, 8, 16 s while they stay short, at most 30."""
    quick = 0
    for life in reversed(lives_seconds):
        if life >= HEALTHY_LIFE_SECONDS:
            break
        quick += 1
    if quick <= 1:
        return Restart(FIRST_WAIT_SECONDS, Reason.LIVED_WELL)
    wait = FIRST_WAIT_SECONDS * 2 ** min(quick - 1, 20)
    if wait >= LONGEST_WAIT_SECONDS:
        return Restart(LONGEST_WAIT_SECONDS, Reason.WAITS_LONGEST)
    return Restart(wait, Reason.DIED_AGAIN)


def stop_order(children: Iterable[Child]) -> tuple[tuple[Child, ...], ...]:
    """Groups that stop together, one group after the other."""
    everyone = tuple(children)
    groups = (tuple(child for child in everyone if child.rank is rank) for rank in Rank)
    return tuple(group for group in groups if group)


def fleet(*, python: str, at: Ports, control_secret: str) -> Child:
    """The simulated fleet: needs nothing of ours, so it starts first and is there when the probe looks.

    `control_secret` is the file with what signs orders to its gateway.
    """
    where = ("--host", "127.0.0.1", "--port", str(at.fleet))
    argv = (python, "-m", "probes.simfleet", "--control-secret-file", control_secret, *where)
    return Child("fleet", argv, nice=5)


def workers(*, python: str, at: Ports, probe_config: str, own_settings: str) -> tuple[Child, ...]:
    """The platform's own processes, in the order in which they start."""
    module = (python, "-m")
    celery = (*module, "celery", "-A", "observability.celery", "--quiet", "--skip-checks")
    quiet = ("--loglevel", "WARNING")
    lone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    gunicorn = (*module, "gunicorn", "--config", own_settings, "--bind", f"127.0.0.1:{at.web}")
    return (
        Child("web", (*gunicorn, "observability.wsgi:application")),
        Child(
            "fast",
            (*celery, "worker", "-n", "fast@%h", "-Q", "fast", "-c", "2", *lone, *quiet),
            small_talk=ROOT_WARNING,
        ),
        Child(
            "slow",
            (*celery, "worker", "-n", "slow@%h", "-Q", "slow", "-c", "2", *lone, *quiet),
            nice=10,
            small_talk=ROOT_WARNING,
        ),
        Child(
            "beat",
            (*celery, "beat", "--scheduler", "observability.supervisor.beat:MemoryScheduler", "--pidfile=", *quiet),
        ),
        Child("probe", (*module, "probes", "--config", probe_config)),
    )
