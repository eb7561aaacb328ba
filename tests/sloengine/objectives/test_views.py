"""The SLO pages: a list that stays usable, one objective with everything about it, and what may be done there."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.core.models import Role
from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.budgets.policies.models import PolicyStanding
from sloengine.objectives.models import Objective
from sloengine.screens.listing import PAGE
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(frozen_now):
    return factories.make_service(factories.make_organisation(), slug="chat")


def as_role(service, role):
    client = Client()
    client.force_login(factories.make_user(service.organisation, role=role))
    return client


@pytest.fixture
def admin(service):
    return as_role(service, Role.ADMIN)


def many(service, number):
    Objective.objects.bulk_create(
        Objective(organisation=service.organisation, service=service, slug=f"o-{i:05}", title=f"Promise {i}", indicator="ttft",
                  method="timeslices", threshold=0.25, target=Decimal("0.995"), slice_target=0.95, created_at=factories.NOW,
                  changed_at=factories.NOW)
        for i in range(number)
    )  # fmt: skip


def queries(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as context:
        assert client.get(address).status_code == 200
    return len(context)


def test_a_list_of_three_takes_as_many_statements_as_one_of_one(service, admin):
    many(service, 1)
    first = queries(admin, "/slos/")
    Objective.objects.all().delete()
    many(service, 3)
    assert queries(admin, "/slos/") == first


def test_pages_are_cut_and_counted_by_the_database(service, admin):
    many(service, PAGE * 2 + 1)
    text = admin.get("/slos/?page=3&sort=service").content.decode()
    assert "101 objectives, and none is burning." in text
    assert "Page 3 of 3" in text
    assert text.count("<b>Promise ") == 1
    assert 'href="?sort=service&amp;page=2"' in text
    assert "Page 3 of 3" in admin.get("/slos/?page=99").content.decode()


def test_filters_narrow_and_say_when_nothing_is_left(service, admin):
    many(service, 3)
    assert admin.get("/slos/?q=promise+2").content.decode().count("/slos/chat/o-") == 1
    assert "No objective fits" in admin.get("/slos/?indicator=quality").content.decode()
    assert "No objective fits" in admin.get("/slos/?state=burning").content.decode()
    assert admin.get("/slos/?sort=nonsense&page=nine&state=maybe").status_code == 200


def test_worst_first_is_what_burns_then_what_is_spent(service, admin):
    many(service, PAGE + 1)
    burning, spent = Objective.objects.order_by("-slug")[:2]
    factories.make_finding(service, evidence={"objective": burning.slug, "impact_start": factories.NOW.isoformat()})
    PolicyStanding.objects.create(
        objective=spent, policy="default", step="freeze", reason="x", consequence="y", spent_ratio=1.2, since=factories.NOW,
        checked_at=factories.NOW,
    )  # fmt: skip
    page = admin.get("/slos/").content.decode()
    assert "1 of 51 objectives is burning." in page
    assert page.index(burning.title) < page.index(spent.title) < page.index("Promise 0")
    assert admin.get("/slos/?state=spent").content.decode().count("/slos/chat/o-") == 1
    assert admin.get("/slos/?state=burning").content.decode().count("/slos/chat/o-") == 1


def test_one_objective_with_a_what_if(service, admin):
    factories.make_objective(service, slug="ttft", terms={"tags": ["live", "paid"]})
    text = admin.get("/slos/chat/ttft/?target=99.9&days=7").content.decode()
    assert "Nothing was measured in that window." in text
    assert "live, paid" in text
    assert "Give a target above 0" in admin.get("/slos/chat/ttft/?target=lots").content.decode()
    assert "Give a target above 0" in admin.get("/slos/chat/ttft/?target=NaN").content.decode()
    assert "Give a target above 0" in admin.get("/slos/chat/ttft/?days=1e400").content.decode()


def test_time_is_excluded_called_off_and_budgets_are_adjusted_from_the_page(service, admin, frozen_now):
    factories.make_objective(service, slug="ttft")
    form = {"starts_at": "2026-11-17T02:00", "minutes": "120", "reason": "Moves house", "rrule": "FREQ=WEEKLY;BYDAY=TU"}
    assert admin.post("/slos/chat/ttft/exclude/", form).status_code == 302
    row = Exclusion.objects.get()
    assert (row.duration, row.reason, row.rrule) == (timedelta(hours=2), "Moves house", "FREQ=WEEKLY;BYDAY=TU")
    assert "Moves house" in admin.get("/slos/chat/ttft/").content.decode()
    admin.post(f"/slos/chat/ttft/exclusions/{row.pk}/call-off/")
    assert Exclusion.objects.get().until == frozen_now
    admin.post("/slos/chat/ttft/adjust/", {"percent": "25", "reason": "vendor"})
    assert Adjustment.objects.get().ratio == Decimal("0.25")
    text = admin.post("/slos/chat/ttft/exclude/", {**form, "rrule": "now and then"}, follow=True).content.decode()
    assert "Nothing was excluded: found" in text
    assert (
        "Nothing was adjusted"
        in admin.post("/slos/chat/ttft/adjust/", {"percent": "a lot"}, follow=True).content.decode()
    )


def test_who_may_not_sees_no_form_and_is_refused(service):
    factories.make_objective(service, slug="ttft")
    viewer = as_role(service, Role.VIEWER)
    text = viewer.get("/slos/chat/ttft/").content.decode()
    assert "Exclude time" not in text
    form = {"starts_at": "2026-11-17T02:00", "minutes": "120", "reason": "x"}
    assert viewer.post("/slos/chat/ttft/exclude/", form).status_code == 403
    assert viewer.post("/slos/chat/ttft/adjust/", {"percent": "25", "reason": "x"}).status_code == 403
    assert not Exclusion.objects.exists()


def test_another_organisations_objective_is_not_there(service, admin):
    stranger = factories.make_service(factories.make_organisation(), slug="theirs")
    factories.make_objective(stranger, slug="ttft")
    assert admin.get("/slos/theirs/ttft/").status_code == 404
    assert admin.post("/slos/theirs/ttft/adjust/", {"percent": "5", "reason": "x"}).status_code == 404
