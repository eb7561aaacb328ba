from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from incidents.alerts import services as alerts
from incidents.learning import queries, services
from incidents.learning.models import Postmortem
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation, Role
from observability.core.permissions import Actor, NotAllowed
from sloengine.budgets.models import Tally
from sloengine.objectives.models import Objective
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def acme() -> Organisation:
    return factories.make_organisation("acme")


def person(organisation: Organisation, role: Role) -> Actor:
    return permissions.of(factories.make_user(organisation, role=role), organisation)


def resolved(organisation: Organisation) -> Incident:
    incident = factories.make_incident(factories.make_service(organisation))
    return response.resolve(incident=incident, actor=permissions.system(organisation), now=at(30))


def test_resolving_drafts_a_postmortem(acme: Organisation) -> None:
    incident = resolved(acme)
    postmortem = Postmortem.objects.get()
    assert (postmortem.incident, postmortem.state, postmortem.drafted_at) == (incident, "draft", at(30))
    assert postmortem.markdown.startswith("# INC-1: First tokens are late")
    assert postmortem.figures["to_resolve_seconds"] == 33 * 60
    assert (postmortem.figures["requests"], postmortem.figures["failed_requests"]) == (None, None)
    assert queries.postmortem(organisation=acme, number=1) == postmortem


def test_budget_spent_is_bad_over_what_the_window_allowed(acme: Organisation) -> None:
    chat = factories.make_service(acme)
    objective = Objective.objects.create(
        organisation=acme,
        service=chat,
        slug="ttft",
        title="First token",
        indicator="ttft",
        method="occurrences",
        threshold=0.25,
        target=Decimal("0.999"),
        created_at=NOW,
        changed_at=NOW,
    )
    # Ten million requests in 30 days, 20,000 of them in the incident with 2,500 late ones: 2,500 of 10,000 allowed.
    for minute, good, total in ((-30 * 1440, 0, 0), (-4, 9_980_000, 9_980_000), (28, 9_997_500, 10_000_000)):
        Tally.objects.create(
            objective=objective,
            tick=at(minute),
            numerator=good,
            denominator=total,
            good=good,
            total=total,
            covered_seconds=0,
        )
    finding = factories.make_finding(chat)
    alerts.pull_findings(now=NOW)
    factories.clear_finding(finding, now=at(28))
    alerts.pull_findings(now=at(28))
    alerts.pull_findings(now=at(33))
    (spent,) = Postmortem.objects.get().figures["budgets"]
    assert (spent["objective"], spent["bad"], spent["total"]) == ("ttft", 2500, 20000)
    assert spent["budget_share"] == pytest.approx(0.25)


def test_an_incident_that_ends_twice_has_its_draft_written_again(acme: Organisation) -> None:
    incident = resolved(acme)
    system = permissions.system(acme)
    response.reopen(incident=incident, actor=system, now=at(31))
    response.resolve(incident=incident, actor=system, now=at(60))
    postmortem = Postmortem.objects.get()
    assert postmortem.drafted_at == at(60)
    assert "It was reopened" in postmortem.markdown


def test_what_a_person_wrote_is_never_written_over(acme: Organisation) -> None:
    incident = resolved(acme)
    services.edit_postmortem(
        postmortem=Postmortem.objects.get(), markdown="# Ours", actor=person(acme, Role.RESPONDER), now=at(40)
    )
    services.draft_postmortem(incident=incident, now=at(50))
    assert Postmortem.objects.get().markdown == "# Ours"


def test_publishing_once(acme: Organisation) -> None:
    resolved(acme)
    commander = person(acme, Role.COMMANDER)
    postmortem = Postmortem.objects.get()
    services.publish_postmortem(postmortem=postmortem, actor=commander, now=at(60))
    services.publish_postmortem(postmortem=postmortem, actor=commander, now=at(70))
    postmortem.refresh_from_db()
    assert (postmortem.state, postmortem.published_at) == ("published", at(60))
    assert postmortem.incident.timeline.filter(kind="postmortem_published").count() == 1


def test_who_may_not_edit_or_publish(acme: Organisation) -> None:
    resolved(acme)
    postmortem = Postmortem.objects.get()
    with pytest.raises(NotAllowed):
        services.edit_postmortem(postmortem=postmortem, markdown="", actor=person(acme, Role.VIEWER), now=NOW)
    with pytest.raises(NotAllowed):
        services.publish_postmortem(postmortem=postmortem, actor=person(acme, Role.RESPONDER), now=NOW)


def test_a_draft_that_fails_keeps_no_incident_open(acme: Organisation) -> None:
    incident = factories.make_incident(factories.make_service(acme))
    incident.diagnosis = {"rivals": 3}
    incident.save()
    ended = response.resolve(incident=incident, actor=permissions.system(acme), now=at(30))
    assert ended.state == "resolved"
    assert not Postmortem.objects.exists()
    assert [entry.sentence for entry in incident.timeline.all()][-1].startswith("The postmortem could not be drafted")
