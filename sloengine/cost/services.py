"""evaluate_costs: usage of each tenant in buckets of five minutes, and findings where it departs from the usual."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from observability.core import audit, permissions, prepared, questions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.budgets.findings.services import Claim, settle
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.budgets.slices import boundary
from sloengine.catalog.models import Service
from sloengine.cost import anomalies
from sloengine.cost.anomalies import Bucket, CostReason, Departure
from sloengine.cost.models import Price, PriceUnit, UsageCursor
from sloengine.cost.prices import ANY, price_at
from sloengine.cost.queries import UNKNOWN_TENANT, currency_of, price_rows
from sloengine.rollups import queries as rollups

log = logging.getLogger(__name__)

BUCKET_SECONDS = 300
TENANT_TOKENS = "tenant_tokens_total"
BUCKET = timedelta(seconds=BUCKET_SECONDS)
#: The usual level is that of so many hours; a departure that lasts as long is the new usual.
HISTORY = timedelta(hours=6)
MIX_HISTORY = timedelta(hours=1)
CLEAR_AFTER = 2 * BUCKET
#: All tenants of a service together; where they use more alike, only this one departs.
EVERYONE = "all tenants"
KEPT = timedelta(days=7)
#: From so many USD an hour above the usual on, somebody is woken.
PAGE_USD_PER_HOUR = 100.0
RECENT = anomalies.Rules().recent_buckets


#: Whether a source has read on past the end of a bucket that a service with tenants was not judged by yet.
_ANY_CLOSED = questions.Question(f"""
EXISTS (
    SELECT FROM sloengine_service AS service
    JOIN sloengine_metricsource AS source USING (organisation_id)
    LEFT JOIN sloengine_usagecursor AS cursor ON cursor.service_id = service.id
    WHERE date_bin('{BUCKET_SECONDS} s', source.last_tick, 'epoch') > coalesce(cursor.until, '-infinity')
      AND EXISTS (
        SELECT FROM sloengine_slot AS slot
        WHERE slot.service_id = service.id AND slot.family = '{TENANT_TOKENS}' AND slot.source_id = source.id
      )
)
""")  # noqa: S608 - our own words


@questions.first(_ANY_CLOSED)
def evaluate_costs(*, now: datetime) -> int:
    """Take over the usage of every service up to its newest closed bucket and judge it; the number of services judged."""
    judged = 0
    cursors: dict[int, datetime | None] = dict(prepared.rows("SELECT service_id, until FROM sloengine_usagecursor"))
    with rollups.snapshot():
        for service in Service.objects.filter(slots__family=TENANT_TOKENS).distinct().order_by("pk"):
            newest = rollups.newest(service=service)
            until = boundary(newest, slice_seconds=BUCKET_SECONDS) if newest is not None else None
            if until is not None and until != cursors.get(service.pk):
                judged += _guarded(service, until=until, now=now)
    return judged


def _guarded(service: Service, *, until: datetime, now: datetime) -> int:
    """What breaks in one service is logged and tried again; the others are judged all the same."""
    try:
        return _evaluate(service, until=until, now=now)
    except Exception:
        log.exception("the usage of service %s could not be judged", service.pk)
        return 0


@transaction.atomic
def _evaluate(service: Service, *, until: datetime, now: datetime) -> int:
    cursor = _locked(service)
    if cursor is None:
        UsageCursor.objects.bulk_create([UsageCursor(service=service)], ignore_conflicts=True)
        cursor = _locked(service)
    if cursor is None or (cursor.until is not None and cursor.until >= until):
        return 0
    _take_over(service, since=cursor.until, until=until)
    prepared.rows("UPDATE sloengine_usagecursor SET until = %s WHERE id = %s", [until, cursor.pk])
    open_findings = {row.fingerprint: row for row in prepared.objects(Finding, _FIRING, [service.pk])}
    usage = _usage(service, until=until)
    claims = [*_cost_claims(service, usage, until, open_findings), _shift_claim(service, usage, until)]
    settle(organisation_id=service.organisation_id, claims=claims, open_findings=open_findings, now=now)
    return 1


_FIRING = (
    f"WHERE service_id = %s AND state = 'firing' AND kind IN ('{FindingKind.COST.value}', '{FindingKind.SHIFT.value}')"
    " AND split_part(fingerprint, '/', 1) IN ('cost', 'shift')"
)


def _locked(service: Service) -> UsageCursor | None:
    """None where another worker holds it, or before the first time."""
    held = "WHERE service_id = %s FOR UPDATE SKIP LOCKED"
    return next(iter(prepared.objects(UsageCursor, held, [service.pk])), None)


_KEEP_USAGE = """
INSERT INTO sloengine_usagebucket (service_id, at, tenant, tokens, requests)
SELECT %s, * FROM unnest(%s::timestamptz[], %s::varchar[], %s::float8[], %s::float8[]) ON CONFLICT DO NOTHING
"""


def _take_over(service: Service, *, since: datetime | None, until: datetime) -> None:
    """Usage from rollups into buckets, the last six hours at most; old buckets go after a week."""
    at = max(since or until - HISTORY, until - HISTORY) + BUCKET
    rows = []
    while at <= until:
        window: dict[str, Any] = {"service": service, "start": at - BUCKET, "end": at, "by": ("tenant",)}
        tokens = rollups.increments(family=TENANT_TOKENS, **window)
        requests = rollups.increments(family="tenant_requests_total", **window)
        for tenant in sorted({*tokens, *requests}):
            used = float(tokens.get(tenant, 0.0)), float(requests.get(tenant, 0.0))
            rows.append((at, tenant[0] or UNKNOWN_TENANT, *used))
        at += BUCKET
    if rows:
        prepared.rows(_KEEP_USAGE, [service.pk, *map(list, zip(*rows, strict=True))])
    prepared.rows("DELETE FROM sloengine_usagebucket WHERE service_id = %s AND at < %s", [service.pk, until - KEPT])


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and requests by bucket and tenant."""

    by_bucket: Mapping[datetime, Mapping[str, tuple[float, float]]]

    def buckets(self, tenant: str, *, after: datetime, until: datetime) -> list[Bucket]:
        found = []
        for at in sorted(at for at in self.by_bucket if after < at <= until):
            row = self.by_bucket[at]
            mine = row.get(tenant, (0.0, 0.0))
            others = [used for name, used in row.items() if name != tenant]
            found.append(Bucket(*mine, sum(tokens for tokens, _ in others), sum(requests for _, requests in others)))
        return found

    def mix(self, *, after: datetime, until: datetime) -> dict[str, float]:
        mix: dict[str, float] = defaultdict(float)
        for at, row in self.by_bucket.items():
            if after < at <= until:
                for tenant, (_tokens, requests) in row.items():
                    mix[tenant] += requests
        return mix

    @property
    def together(self) -> Usage:
        """Everyone as one: where all use more alike, none departs from the others."""
        return Usage({
            at: {EVERYONE: (sum(tokens for tokens, _ in row.values()), sum(requests for _, requests in row.values()))}
            for at, row in self.by_bucket.items()
        })  # fmt: skip

    @property
    def tenants(self) -> list[str]:
        return sorted({tenant for row in self.by_bucket.values() for tenant in row})


_USAGE = "SELECT at, tenant, tokens, requests FROM sloengine_usagebucket WHERE service_id = %s AND at > %s AND at <= %s"


def _usage(service: Service, *, until: datetime) -> Usage:
    by_bucket: dict[datetime, dict[str, tuple[float, float]]] = defaultdict(dict)
    for at, tenant, tokens, requests in prepared.rows(_USAGE, [service.pk, until - HISTORY, until]):
        by_bucket[at][tenant] = tokens, requests
    return Usage(by_bucket)


def _cost_claims(service: Service, usage: Usage, until: datetime, open_findings: Mapping[str, Finding]) -> list[Claim]:
    prices = price_rows(organisation_id=service.organisation_id)
    now_usd = price_at(prices, service=service.slug, at=until)
    before_usd = price_at(prices, service=service.slug, at=until - HISTORY / 2)

    def claim(judged: Usage, tenant: str) -> Claim:
        standing = open_findings.get(f"cost/{service.slug}/{tenant}")
        return _cost_claim(service, judged, tenant, until, standing, now_usd, before_usd)

    claims = [claim(usage, tenant) for tenant in usage.tenants]
    if len(usage.tenants) < 2:
        return claims
    whole = claim(usage.together, EVERYONE)
    if any(one.condition is Condition.TRUE for one in claims) and whole.fingerprint not in open_findings:
        whole = replace(whole, condition=Condition.FALSE)
    return [*claims, whole]


def _cost_claim(
    service: Service, usage: Usage, tenant: str, until: datetime, standing: Finding | None, now_usd: Decimal | None,
    before_usd: Decimal | None,
) -> Claim:  # fmt: skip
    recent_from = until - RECENT * BUCKET
    began = datetime.fromisoformat(standing.evidence["impact_start"]) if standing is not None else recent_from
    usual_until = min(recent_from, began) if until - began < HISTORY else recent_from
    recent = usage.buckets(tenant, after=recent_from, until=until)
    found = anomalies.judge(
        history=usage.buckets(tenant, after=until - HISTORY, until=usual_until),
        recent=recent,
        bucket_seconds=BUCKET_SECONDS,
        usd_per_1k=None if now_usd is None else float(now_usd),
        usd_per_1k_before=None if before_usd is None else float(before_usd),
    )
    unknown = found.reason in (CostReason.LITTLE_HISTORY, CostReason.NO_DATA)
    return Claim(
        fingerprint=f"cost/{service.slug}/{tenant}",
        kind=FindingKind.COST,
        severity=_severity(found),
        service_id=service.pk,
        condition=Condition.UNKNOWN if unknown else Condition.TRUE if found.departed else Condition.FALSE,
        reason=_sentence(tenant, service, found),
        evidence=lambda: _evidence(tenant, found, impact_start=_began(recent, until)),
        clear_after=CLEAR_AFTER,
    )


def _severity(found: Departure) -> str:
    extra = (found.usd_per_hour_now or 0.0) - (found.usd_per_hour_before or 0.0)
    return FindingSeverity.PAGE if extra >= PAGE_USD_PER_HOUR else FindingSeverity.TICKET


def _sentence(tenant: str, service: Service, found: Departure) -> str:
    if not found.departed or found.factor is None:
        return f"{tenant} on {service.slug}: {found.reason}."
    money = ""
    if found.usd_per_hour_now is not None and found.usd_per_hour_before is not None:
        money = f", {found.usd_per_hour_now:,.0f} USD an hour where {found.usd_per_hour_before:,.0f} are usual"
    driver = f"; the driver is {found.driver}" if found.driver is not None else ""
    verb = "use" if tenant == EVERYONE else "uses"
    return f"{tenant} {verb} {found.factor:.1f} times the usual tokens on {service.slug}{money}{driver}."


def _evidence(tenant: str, found: Departure, *, impact_start: datetime) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "factor": found.factor,
        "noises": found.noises,
        "tokens_per_hour_now": found.tokens_per_hour_now,
        "tokens_per_hour_before": found.tokens_per_hour_before,
        "usd_per_hour_now": found.usd_per_hour_now,
        "usd_per_hour_before": found.usd_per_hour_before,
        "requests_ratio": found.requests_ratio,
        "tokens_per_request_ratio": found.tokens_per_request_ratio,
        "price_ratio": found.price_ratio,
        "driver": None if found.driver is None else str(found.driver),
        "indicator": "cost",
        "impact_start": impact_start.isoformat(),
    }


def _began(recent: Sequence[Bucket], until: datetime) -> datetime:
    """The start of the first recent bucket in which the tenant used nearly what it uses at most."""
    most = max((bucket.tokens for bucket in recent), default=0.0)
    first = next((i for i, bucket in enumerate(recent) if bucket.tokens >= most / 2), 0)
    return until - (len(recent) - first) * BUCKET


def _shift_claim(service: Service, usage: Usage, until: datetime) -> Claim:
    recent_from = until - RECENT * BUCKET
    before = usage.mix(after=recent_from - MIX_HISTORY, until=recent_from)
    shift = anomalies.mix_shift(before=before, now=usage.mix(after=recent_from, until=until))
    known = shift.distance is not None
    return Claim(
        fingerprint=f"shift/{service.slug}",
        kind=FindingKind.SHIFT,
        severity=FindingSeverity.INFO,
        service_id=service.pk,
        condition=Condition.TRUE if shift.shifted else Condition.FALSE if known else Condition.UNKNOWN,
        reason=f"{shift.distance or 0.0:.0%} of the requests of {service.slug} come from other tenants than before,"
        f" most from {shift.gained}.",
        evidence=lambda: {
            "distance": shift.distance,
            "tenant": shift.gained,
            "share_before": shift.share_before,
            "share_now": shift.share_now,
            "impact_start": recent_from.isoformat(),
        },
        clear_after=CLEAR_AFTER,
    )


@transaction.atomic
def set_price(
    *, organisation: Organisation, usd: Decimal, effective_from: datetime, actor: Actor, now: datetime,
    unit: PriceUnit = PriceUnit.TOKENS_1K, token_class: str = ANY, service: Service | None = None,
) -> Price:  # fmt: skip
    """A price from an instant on; the same key and instant again replaces the amount. ValueError within one that has an end."""
    permissions.require(actor, Verb.MANAGE_PRICES, service or organisation)
    if usd < 0:
        raise ValueError(f"a price of {usd} USD, expected 0 or more")
    key: dict[str, Any] = {"service": service, "unit": unit, "token_class": token_class, **dict.fromkeys(_ANYWHERE, "")}
    rows = Price.objects.filter(organisation=organisation, **key)
    bounded = rows.filter(effective_from__lt=effective_from, effective_until__gt=effective_from).first()
    later = rows.filter(effective_from__gt=effective_from).order_by("effective_from").first()
    if bounded is not None:
        raise ValueError(
            f"{bounded} holds from {bounded.effective_from:%Y-%m-%d} until {bounded.effective_until:%Y-%m-%d}, expected no"
            " price of the same key within it; withdraw it first"
        )
    until = later.effective_from if later is not None else None
    price, _ = Price.objects.update_or_create(
        organisation=organisation,
        effective_from=effective_from,
        **key,
        defaults={"usd": usd, "currency": currency_of(organisation), "effective_until": until},
    )
    payload = {"usd": str(usd), "unit": str(unit), "service": service.slug if service is not None else None}
    audit.record(actor=actor, verb="set_price", obj=price, now=now, payload=payload)
    return price


#: Parts of a key that a single price leaves open.
_ANYWHERE = ("model", "region", "hardware", "purchase")
