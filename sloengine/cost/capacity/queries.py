"""What was measured of one service: replicas, saturation, the busiest hour of each day. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.capacity.headroom import TARGET, Capacity, saturation
from sloengine.cost.forecast.ahead import forecast
from sloengine.cost.forecast.queries import last_days
from sloengine.cost.ledger.queries import spend
from sloengine.cost.ledger.stretches import day_of
from sloengine.cost.whatif.queries import LOOK_BACK, first_hour, measured_curve, replica_month, replicas_up
from sloengine.rollups import queries as rollups

#: The days whose busiest hours are looked at.
PEAKS_BACK = timedelta(days=56)
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Seen:
    """`peaks`: tokens a second of the busiest hour of each closed day (UTC)."""

    capacity: Capacity
    peaks: dict[date, float]


def look(*, service: Service, now: datetime, target: float = TARGET) -> Seen:
    organisation = service.organisation
    today = day_of(now)
    last = last_days(organisation=organisation, now=now).get(service.slug, (today - timedelta(days=1)).date())
    peaks = _peaks(organisation, service, today, last, now)
    whole = spend(
        organisation=organisation, since=now - LOOK_BACK, until=now, now=now, running=False, where={"service": service.slug}
    )  # fmt: skip
    hours = max((now - first_hour(service, now)).total_seconds() / 3600, 1.0)
    with rollups.snapshot():
        replicas = replicas_up(service, now)
        curve = measured_curve(service, now, replicas)
    month = replica_month(whole[0], hours, replicas) if whole else None
    found = Capacity(
        service=service.slug,
        replicas=replicas,
        saturation=saturation(curve),
        peak=peaks.get(last),
        peaks=forecast(peaks, last=last),
        usd_per_replica_month=month,
        target=target,
    )
    return Seen(found, peaks)


def _peaks(
    organisation: Organisation, service: Service, today: datetime, last: date, now: datetime
) -> dict[date, float]:
    found: dict[date, float] = {}
    for one in spend(
        organisation=organisation, since=today - PEAKS_BACK, until=today, by=("hour",), now=now, running=False,
        where={"service": service.slug},
    ):  # fmt: skip
        day = datetime.fromisoformat(one.key[0]).date()
        if day <= last:
            found[day] = max(found.get(day, 0.0), one.all_tokens / SECONDS_PER_HOUR)
    return found
