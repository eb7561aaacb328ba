"""What people said of departures: expected, or a known event. The same again is then foreseen. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sloengine.cost.anomaly.decide import Reason, Verdict

#: What is half as large again as what was foreseen is news.
LARGER = 1.5


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`driver` empty: any; `factor` None: however large; `until` None: from `since` on."""

    service: str
    tenant: str
    since: datetime
    until: datetime | None = None
    driver: str = ""
    factor: float | None = None


def known(verdict: Verdict, said: Iterable[Foreseen], *, service: str, tenant: str, at: datetime) -> Verdict:
    """The verdict, or that it was foreseen.

    Somebody said that acme's three times as many requests on Monday night are expected: four times pass, five do not.
    """
    if verdict.opens and any(_covers(one, verdict, service, tenant, at) for one in said):
        return replace(verdict, reason=Reason.FORESEEN)
    return verdict


def _covers(one: Foreseen, verdict: Verdict, service: str, tenant: str, at: datetime) -> bool:
    if (one.service, one.tenant) != (service, tenant) or at < one.since or (one.until is not None and at >= one.until):
        return False
    if one.driver and (verdict.driver is None or verdict.driver.value != one.driver):
        return False
    return one.factor is None or verdict.factor is None or verdict.factor <= LARGER * max(one.factor, 1.0)
