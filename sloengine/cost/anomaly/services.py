"""judge_spend: the last hour of every tenant's spend, and findings where it departs. Feedback, which the next hour remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from observability.core import audit, claims, permissions, prepared, questions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from sloengine.budgets.findings.services import Claim, settle
from sloengine.budgets.findings.steps import Condition
from sloengine.budgets.models import Finding, FindingKind, FindingSeverity
from sloengine.catalog.models import Service
from sloengine.cost.anomaly import judging, outlook, pipeline, queries, seasons, telling
from sloengine.cost.anomaly.decide import Hour, Reason, Rules, Verdict, decide
from sloengine.cost.anomaly.feedback import known
from sloengine.cost.anomaly.judging import Key
from sloengine.cost.anomaly.models import AnomalyCursor, CostFeedback
from sloengine.cost.ledger.stretches import HOUR

#: From so many USD an hour above the usual on, somebody is woken.
PAGE_USD_PER_HOUR = 100.0
CLEAR_AFTER = 2 * HOUR
PREFIX = "spend/"

_ANY_HOUR = questions.Question("""
EXISTS (
    SELECT FROM sloengine_ledgercursor AS ledger
    JOIN sloengine_service AS service ON service.id = ledger.service_id
    LEFT JOIN sloengine_anomalycursor AS cursor ON cursor.organisation_id = service.organisation_id
    WHERE ledger.until > coalesce(cursor.until, '-infinity')
)
""")


class BadFeedback(ValueError):
    """What was found, and what is expected."""


@questions.first(_ANY_HOUR)
def judge_spend(*, now: datetime) -> int:
    """Judge every organisation whose ledger has a new hour; how many. One that breaks is due still."""
    newest: dict[int, datetime] = dict(prepared.rows(_NEWEST))
    judged: dict[int, datetime] = dict(prepared.rows("SELECT organisation_id, until FROM sloengine_anomalycursor"))
    due = [pk for pk, until in sorted(newest.items()) if pk not in judged or judged[pk] < until]
    return len(
        claims.each(
            due,
            lambda pk: _judge(pk, until=newest[pk], now=now),
            failed="the spend of organisation %s could not be judged; it is tried again",
        )
    )


_NEWEST = """
SELECT service.organisation_id, max(ledger.until) FROM sloengine_ledgercursor AS ledger
JOIN sloengine_service AS service ON service.id = ledger.service_id GROUP BY 1
"""


@transaction.atomic
def _judge(organisation_id: int, *, until: datetime, now: datetime) -> int:
    organisation = Organisation.objects.get(pk=organisation_id)
    AnomalyCursor.objects.get_or_create(organisation=organisation, defaults={"until": until - HOUR})
    cursor = AnomalyCursor.objects.select_for_update(skip_locked=True).filter(organisation=organisation).first()
    if cursor is None or cursor.until >= until:
        return 0
    cursor.until = until
    cursor.save(update_fields=["until"])
    found = judge(organisation=organisation, until=until)
    _settle(organisation, found, now)
    return 1


@dataclass(frozen=True, slots=True)
class Found:
    """One tenant of one service in its last hours."""

    key: Key
    hour: Hour
    verdict: Verdict
    day: outlook.Day
    band: tuple[float, float] | None
    until: datetime


def judge(*, organisation: Organisation, until: datetime, rules: Rules | None = None) -> list[Found]:
    """Every tenant that departs in the last hour before `until`, or is foreseen or immaterial though it does."""
    rules = rules or Rules()
    start, use = queries.use(organisation=organisation, until=until)
    hours = use.tokens.shape[1]
    if not use.keys or _oldest(use) < rules.least_hours:
        return []
    when = seasons.calendar(start=start, hours=hours, holidays=queries.days_off(start=start, until=until))
    book = judging.book(use, when, train=_train(use))
    said = queries.foreseen(organisation=organisation)
    found = []
    for row, at in book.moved(since=hours - 1, until=hours, most_per_week=rules.most_per_week):
        hour = book.hour(row, at)
        service, tenant = use.keys[row]
        verdict = known(decide(hour, rules), said, service=service, tenant=tenant, at=until - HOUR)
        found.append(Found(use.keys[row], hour, verdict, outlook.today(book, row), book.band(row, at), until))
    return found


def _oldest(use: judging.Use) -> int:
    return int((use.tokens == use.tokens).sum(axis=1).max())


def _train(use: judging.Use) -> judging.Train | None:
    """None while no series is old enough: scikit-learn is not loaded before it is needed, and only on the slow queue."""
    if _oldest(use) <= pipeline.LEARNED_FROM:
        return None
    from sloengine.cost.anomaly import learned

    return learned.train


def _settle(organisation: Organisation, found: Iterable[Found], now: datetime) -> None:
    standing = {
        row.fingerprint: row
        for row in Finding.objects.firing().filter(organisation=organisation, fingerprint__startswith=PREFIX)
    }
    quick = set(
        Finding.objects.firing()
        .filter(organisation=organisation, fingerprint__startswith="cost/")
        .values_list("fingerprint", flat=True)
    )
    services = {row.slug: row for row in Service.objects.filter(organisation=organisation)}
    claimed: dict[str, Claim] = {}
    for one in found:
        service, tenant = one.key
        print_ = fingerprint(one.key)
        opens = one.verdict.opens and (print_ in standing or f"cost/{service}/{tenant}" not in quick)
        claimed[print_] = _claim(one, services.get(service), Condition.TRUE if opens else Condition.FALSE)
    for name, row in standing.items():
        if name not in claimed:
            claimed[name] = Claim(
                fingerprint=name,
                kind=row.kind,
                severity=row.severity,
                service_id=row.service_id,
                condition=Condition.FALSE,
                reason=f"{row.evidence.get('tenant') or 'It'} {Reason.USUAL} again, or what it spends has become usual.",
                clear_after=CLEAR_AFTER,
            )
    settle(organisation_id=organisation.pk, claims=claimed.values(), open_findings=standing, now=now)


def fingerprint(key: Key) -> str:
    return f"{PREFIX}{key[0]}/{key[1]}"


def _claim(one: Found, service: Service | None, condition: Condition) -> Claim:
    hour, verdict = one.hour, one.verdict
    began = one.until - hour.hours * HOUR
    mix = verdict.reason is Reason.MIX
    return Claim(
        fingerprint=fingerprint(one.key),
        kind=FindingKind.COST,
        severity=_severity(hour, verdict, mix=mix),
        service_id=None if service is None else service.pk,
        condition=condition,
        reason=telling.sentence(service=one.key[0], tenant=one.key[1], hour=hour, verdict=verdict),
        evidence=lambda: {
            **telling.evidence(tenant=one.key[1], hour=hour, verdict=verdict, day=one.day, band=one.band),
            "impact_start": began.isoformat(),
        },
        clear_after=CLEAR_AFTER,
    )


def _severity(hour: Hour, verdict: Verdict, *, mix: bool) -> str:
    if mix:
        return FindingSeverity.INFO
    large = hour.priced and verdict.extra_per_hour >= PAGE_USD_PER_HOUR
    return FindingSeverity.PAGE if large else FindingSeverity.TICKET


@transaction.atomic
def give_feedback(
    *, finding: Finding, kind: str, note: str, until: datetime | None, actor: Actor, now: datetime
) -> CostFeedback:
    """Say that a departure was foreseen: its finding clears, and the same again (the same driver, at most half as large again)
    tells nobody. A known event needs an end."""
    permissions.require(actor, Verb.SILENCE, finding)
    service = _check(finding, kind, note, until, now)
    evidence: Mapping[str, object] = finding.evidence
    factor = evidence.get("factor")
    row = CostFeedback.objects.create(
        organisation_id=finding.organisation_id,
        service=service,
        tenant=str(evidence.get("tenant") or ""),
        kind=kind,
        driver=str(evidence.get("driver") or ""),
        factor=float(factor) if isinstance(factor, (int, float)) else None,
        since=min(finding.since - HOUR, now),
        until=until,
        note=note.strip(),
        made_at=now,
        made_by=f"{actor.kind}:{actor.name}",
    )
    payload = {
        "finding": finding.fingerprint,
        "kind": kind,
        "note": row.note,
        "until": until.isoformat() if until else None,
    }
    audit.record(actor=actor, verb="cost_feedback", obj=row, now=now, payload=payload)
    if finding.state == "firing" and finding.fingerprint.startswith(PREFIX):
        claim = Claim(
            fingerprint=finding.fingerprint, kind=finding.kind, severity=finding.severity, service_id=finding.service_id,
            condition=Condition.FALSE, reason=f"{actor.name} foresaw it: {row.note}", clear_after=timedelta(0),
        )  # fmt: skip
        settle(
            organisation_id=finding.organisation_id,
            claims=[claim],
            open_findings={finding.fingerprint: finding},
            now=now,
        )
    return row


def _check(finding: Finding, kind: str, note: str, until: datetime | None, now: datetime) -> Service:
    if finding.kind != FindingKind.COST or finding.service is None:
        raise BadFeedback(f"found a finding of kind {finding.kind}, expected a cost anomaly of a service")
    if kind not in CostFeedback.Kind.values:
        raise BadFeedback(f"kind: found {kind!r}, expected one of {', '.join(CostFeedback.Kind.values)}")
    if not 1 <= len(note.strip()) <= 300:
        raise BadFeedback("note: found none or more than 300 letters, expected why it is no surprise")
    if kind == CostFeedback.Kind.EVENT and until is None:
        raise BadFeedback("until: found none, expected when the event ends")
    if until is not None and until <= now:
        raise BadFeedback(f"until: found {until:%Y-%m-%d %H:%M}, expected a time to come")
    return finding.service


@transaction.atomic
def forget_feedback(*, feedback: CostFeedback, actor: Actor, now: datetime) -> None:
    """From the next hour on the same is told again."""
    permissions.require(actor, Verb.SILENCE, feedback)
    audit.record(actor=actor, verb="cost_feedback", obj=feedback, now=now, payload={"forgotten": feedback.note})
    feedback.delete()
