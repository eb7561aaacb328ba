"""Use by day from the ledger, standings, lists and pages. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F, Prefetch, QuerySet

from observability.core.models import Organisation
from sloengine.catalog.models import Service
from sloengine.cost.contracts import workdays
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.contracts.standing import Standing, Use, history_from, stand
from sloengine.cost.contracts.terms import Span, Terms, spans
from sloengine.cost.ledger.meters import TokenClass
from sloengine.cost.ledger.queries import spend


def known_services(organisation: Organisation) -> list[str]:
    return list(Service.objects.filter(organisation=organisation).order_by("slug").values_list("slug", flat=True))


#: What a contract may count. A gateway that does not say which tokens it counts has none of these.
CLASSES = tuple(one.value for one in TokenClass if one is not TokenClass.UNSPLIT)


def contracts(*, organisation: Organisation) -> QuerySet[Contract]:
    """Those in force first, with their open reviews."""
    open_ones = Prefetch("reviews", CostReview.objects.filter(closed_at=None), to_attr="open_reviews")
    rows = Contract.objects.filter(organisation=organisation).prefetch_related(open_ones)
    return rows.order_by(F("ended_at").asc(nulls_first=True), "-ends_on", "name")


def reviews(*, organisation: Organisation) -> QuerySet[CostReview]:
    rows = CostReview.objects.filter(organisation=organisation).select_related("contract")
    return rows.order_by(F("closed_at").desc(nulls_first=True), "due_on", "-pk")


def current_terms(*, organisation_id: int, but: str = "") -> list[Terms]:
    """The terms of contracts that are not called off."""
    rows = Contract.objects.filter(organisation=organisation_id, ended_at=None).exclude(slug=but)
    return [row.terms for row in rows]


def use(*, organisation: Organisation, terms: Terms, now: datetime) -> Use:
    """Tokens that the contract counts, by day. Days are UTC's; those at the edges of a period take the hours that are the period's
    by the contract's own zone, so that its sum is exact."""
    today = terms.day(now)
    days: dict[date, int] = {}
    unsplit = 0
    since = history_from(terms, today=today)
    periods = [span for span in spans(terms) if span.last >= since and span.first <= today]
    pieces = [*periods]
    if not periods or since < periods[0].first:
        last = (periods[0].first if periods else today + timedelta(days=1)) - timedelta(days=1)
        pieces.insert(0, Span(since, last))
    for span in pieces:
        counted, without = _tokens(organisation, terms, span, now)
        for day, amount in counted.items():
            days[day] = days.get(day, 0) + amount
        unsplit += without
    return Use(days, unsplit)


def _tokens(organisation: Organisation, terms: Terms, span: Span, now: datetime) -> tuple[dict[date, int], int]:
    where = {"service": list(terms.services)} if terms.services else None
    found: dict[date, int] = {}
    unsplit = 0
    begin, end = terms.begins(span.first), terms.begins(span.last + timedelta(days=1))
    for one in spend(organisation=organisation, since=begin, until=end, by=("day",), now=now, where=where):
        day = min(max(date.fromisoformat(one.key[0]), span.first), span.last)
        counted = sum(
            amount
            for name, amount in one.tokens.items()
            if not terms.token_classes or name.value in terms.token_classes
        )
        found[day] = found.get(day, 0) + counted
        if terms.token_classes:
            unsplit += one.tokens.get(TokenClass.UNSPLIT, 0)
    return found, unsplit


def standing(*, contract: Contract, now: datetime) -> Standing | None:
    """How it stands now; None before its term begins."""
    terms = contract.terms
    found = use(organisation=contract.organisation, terms=terms, now=now)
    return stand(terms, today=terms.day(now), use=found)


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A review with what moved its due date, and whether it is late."""

    review: CostReview
    free_days: Sequence[tuple[date, str]]
    overdue: bool


def review_page(*, review: CostReview, now: datetime) -> ReviewPage:
    terms = review.contract.terms
    opened = terms.day(review.opened_at)
    free = workdays.holidays_between(opened, review.due_on, country=terms.country)
    return ReviewPage(review, free, is_overdue(review, now))


def is_overdue(review: CostReview, now: datetime) -> bool:
    """Open, and the due day is over in the zone of the contract."""
    return review.closed_at is None and review.contract.terms.day(now) > review.due_on
