"""Contracts from terms to told thresholds and closed reviews; use comes from the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from incidents.alerts.services import pull_findings
from incidents.oncall.models import ShiftNotice
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from observability.core.refusals import Refused
from sloengine.budgets.models import Finding
from sloengine.cost.contracts import queries, services
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.contracts.terms import BadContract
from tests import factories
from tests.sloengine.cost.contracts.given import YEAR

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
#: A month of 1,000 tokens; 10 % above it is the cap.
MONTH = {
    **YEAR, "name": "November", "starts_on": "2026-11-01", "ends_on": "2026-11-30", "period": "month", "commitment_tokens": "1000",
    "country": "DE", "zone": "Europe/Berlin",
}  # fmt: skip
TENTH = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def chat():
    return factories.make_service(factories.make_organisation(), slug="chat")


def put(service, now=TENTH, **given):
    organisation = service.organisation
    return services.put(
        organisation=organisation, given={**MONTH, **given}, actor=permissions.system(organisation), now=now
    )


def use(service, tokens, *, at=TENTH - timedelta(hours=2), **given):
    factories.make_usage(service, at=at.replace(minute=0), output=tokens, **given)


def stand(row):
    return queries.standing(contract=row, now=TENTH)


def firing():
    return sorted(Finding.objects.firing().values_list("fingerprint", "severity"))


def test_it_stands_where_the_ledger_says(chat):
    use(chat, 300, at=TENTH - DAY, tenant="acme")
    use(chat, 100, at=datetime(2026, 10, 31, 23, tzinfo=UTC))  # in Berlin that is 1 November
    use(chat, 70, at=datetime(2026, 10, 31, 22, tzinfo=UTC))
    row = put(chat)
    standing = stand(row)
    assert standing.tokens == 400
    assert row.standing["tokens"] == 400
    assert Decimal(row.standing["usd"]) == Decimal("0.13")
    assert standing.burn.points[-1][1] == 400


def test_services_and_classes_that_it_does_not_count_are_left_out(chat):
    code = factories.make_service(chat.organisation, slug="code")
    use(chat, 100)
    factories.make_usage(chat, at=TENTH.replace(minute=0) - timedelta(hours=1), input=40, unsplit=8)
    use(code, 1000)
    row = put(chat, services="chat", token_classes="output")
    standing = stand(row)
    assert (standing.tokens, standing.unsplit) == (100, 8)
    whole = put(chat, services="chat")
    assert stand(whole).tokens == 148


def test_a_contract_that_overlaps_is_refused_and_nothing_is_kept(chat):
    put(chat)
    with pytest.raises(BadContract, match="overlaps with November"):
        put(chat, name="Twice")
    assert Contract.objects.count() == 1
    put(chat, rate="0.12")
    assert Contract.objects.get().rate == Decimal("0.12")
    december = put(chat, name="December", starts_on="2026-12-01", ends_on="2026-12-31")
    assert (december.standing, stand(december)) == ({}, None)


def test_each_threshold_is_told_once_a_period(chat):
    row = put(chat, owner=factories.make_user(chat.organisation, username="lea").username)
    use(chat, 950, at=TENTH)
    later = TENTH + timedelta(hours=1)
    for minutes in (0, 20, 40):
        now = later + timedelta(minutes=minutes)
        services.check_contracts(now=now)
        pull_findings(now=now)
    assert [name.rsplit("/", 1)[1] for name, _ in firing()] == ["80", "90", "95"]
    notices = list(ShiftNotice.objects.filter(kind="cost").select_related("user"))
    assert [str(notice.user) for notice in notices] == ["Lea"] * 3
    assert "80 % of the commitment is used. November has used 950 of 1 k tokens (95 %)" in notices[-1].text
    assert not Incident.objects.exists()
    over = datetime(2026, 12, 1, 12, tzinfo=UTC)
    services.check(contract=row, now=over)
    assert firing() == []


def test_past_the_cap_a_review_opens_with_a_due_date_of_the_holiday_calendar(chat):
    put(chat, starts_on="2026-12-01", ends_on="2026-12-31")
    passed = datetime(2026, 12, 23, 15, tzinfo=UTC)
    use(chat, 1100, at=passed - DAY)
    services.check_contracts(now=passed)
    assert not CostReview.objects.exists()  # at the cap, not past it
    use(chat, 1, at=passed - timedelta(hours=2))
    services.check_contracts(now=passed + timedelta(hours=1))
    services.check_contracts(now=passed + timedelta(hours=2))
    review = CostReview.objects.get()
    assert (review.owner, review.due_on, review.tokens) == ("lea", date(2026, 12, 31), 1101)
    assert review.usd == Decimal("0.145") + Decimal("0.00019")
    page = queries.review_page(review=review, now=passed)
    assert [day for day, _ in page.free_days] == [date(2026, 12, 25)]
    assert ("contract/november/2026-12-01/review", "ticket") in firing()


def passed_cap(chat):
    put(chat)
    use(chat, 1200, at=TENTH - DAY)
    services.check_contracts(now=TENTH + timedelta(minutes=20))
    return CostReview.objects.get()


def test_a_review_that_is_late_is_told_and_a_closed_one_ends_its_findings(chat):
    review = passed_cap(chat)
    actor = permissions.system(chat.organisation)
    late = datetime(2026, 11, 18, 9, tzinfo=UTC)
    services.check_contracts(now=late - DAY)
    assert ("contract/november/2026-11-01/overdue", "info") not in firing()
    services.check_contracts(now=late)
    assert ("contract/november/2026-11-01/overdue", "info") in firing()
    with pytest.raises(Refused, match="note: found nothing"):
        services.close_review(review=review, note=" ", actor=actor, now=late)
    closed = services.close_review(review=review, note="Routing moves a third to 8-bit.", actor=actor, now=late)
    assert (closed.closed_at, closed.closed_by) == (late, "system:tailwatch")
    assert not [name for name, _ in firing() if name.endswith(("review", "overdue"))]
    with pytest.raises(Refused, match="was closed by"):
        services.close_review(review=review, note="Again.", actor=actor, now=late)
    services.check_contracts(now=late + DAY)
    assert CostReview.objects.count() == 1


def test_a_review_is_an_incident_that_wakes_nobody(chat):
    passed_cap(chat)
    pull_findings(now=TENTH + timedelta(minutes=21))
    incident = Incident.objects.get()
    assert (incident.severity, incident.title) == (4, "Cost review of November, due 17 Nov 2026")
    assert not incident.pages.exists()


def test_called_off_it_is_looked_at_no_more(chat):
    review = passed_cap(chat)
    services.call_off(contract=review.contract, actor=permissions.system(chat.organisation), now=TENTH + DAY)
    assert firing() == []
    assert services.check_contracts(now=TENTH + 3 * DAY) == 0
    put(chat, name="Another")  # it stands in nobody's way


def test_who_may(chat):
    lea = factories.make_user(chat.organisation, role=Role.LEADERSHIP)
    rick = factories.make_user(chat.organisation, role=Role.RESPONDER)
    given = {"organisation": chat.organisation, "given": MONTH, "now": TENTH}
    with pytest.raises(NotAllowed):
        services.put(actor=permissions.of(rick, chat.organisation), **given)
    services.put(actor=permissions.of(lea, chat.organisation), **given)
    assert AuditEntry.objects.get(verb="manage_contracts").payload["rate"] == "0.13"
