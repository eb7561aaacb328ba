"""What a person's rules and quiet hours do to a page that came now, by severity. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from incidents.paging.rules.plan import Quiet, Rule, plan
from incidents.response.severity import Severity


@dataclass(frozen=True, slots=True)
class Ring:
    """These pagers ring so many seconds after the page came."""

    after_seconds: float
    pagers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rings:
    """One severity: what rings, first to last; `held` where quiet hours keep it until they end."""

    severity: Severity
    rings: tuple[Ring, ...]
    held: bool


def rings(*, names: Mapping[int, str], rules: Sequence[Rule], quiet: Quiet | None, now: datetime) -> tuple[Rings, ...]:
    """SEV1 to SEV5. Push at once and Phone after 2 minutes, for SEV2 or worse -> SEV2: (0 s Push), (120 s Phone)."""
    found = []
    for severity in Severity:
        planned = plan(endpoints=list(names), rules=rules, quiet=quiet, severity=severity, now=now)
        free = plan(endpoints=list(names), rules=rules, quiet=None, severity=severity, now=now)
        moments: dict[datetime, list[str]] = {}
        for pager, instants in planned.items():
            for at in instants:
                moments.setdefault(at, []).append(names[pager])
        found.append(
            Rings(
                severity,
                tuple(Ring((at - now).total_seconds(), tuple(pagers)) for at, pagers in sorted(moments.items())),
                planned != free,
            )
        )
    return tuple(found)
