"""What a person's rules and quiet hours do to a page that came now, by severity. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    """What rings from SEV `severity` to SEV `mildest`, first to last; `held` where quiet hours keep it until they end."""

    severity: Severity
    mildest: Severity
    rings: tuple[Ring, ...]
    held: bool


def rings(*, names: Mapping[int, str], rules: Sequence[Rule], quiet: Quiet | None, now: datetime) -> tuple[Rings, ...]:
    """SEV1 to SEV5, neighbours that ring alike as one.

    Push at once, and Phone after 2 minutes for SEV2 or worse -> SEV1 to SEV2: (0 s Push), (120 s Phone); SEV3 to SEV5: (0 s Push).
    """
    found: list[Rings] = []
    for severity in Severity:
        planned = plan(endpoints=list(names), rules=rules, quiet=quiet, severity=severity, now=now)
        free = plan(endpoints=list(names), rules=rules, quiet=None, severity=severity, now=now)
        moments: dict[datetime, list[str]] = {}
        for pager, instants in planned.items():
            for at in instants:
                moments.setdefault(at, []).append(names[pager])
        heard = tuple(Ring((at - now).total_seconds(), tuple(pagers)) for at, pagers in sorted(moments.items()))
        held = planned != free
        if found and (found[-1].rings, found[-1].held) == (heard, held):
            found[-1] = replace(found[-1], mildest=severity)
        else:
            found.append(Rings(severity, severity, heard, held))
    return tuple(found)
