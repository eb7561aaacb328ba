from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from incidents.alerts import services as alerts
from incidents.learning import queries, services
from incidents.learning.models import Postmortem
from incidents.response import services as response
from incidents.response.models import Incident
from observability.core import permissions
from observability.core.models import Organisation, Role
from observability.core.permissions import Actor, NotAllowed
from sloengine.catalog.models import Service
from sloengine.objectives.models import Objective
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


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


def objective_of(service: Service, **given: object) -> Objective:
    fields: dict[str, object] = {"method": "occurrences", "target": Decimal("0.999"), **given}
    return Objective.objects.create(
        organisation=service.organisation,
        service=service,
        slug="ttft",
        title="First token",
        indicator="ttft",
        threshold=0.25,
        created_at=NOW,
        changed_at=NOW,
        **fields,
    )


def tally(objective: Objective, minute: float, *, good: float, total: float) -> None:
    """The sums of an objective at a minute, covered without a gap since 30 days before NOW."""
    covered = (minute + 30 * 1440) * 60
    factories.make_tally(objective, at=at(minute), good=good, total=total, covered_seconds=covered)


def play(service: Service) -> dict[str, Any]:
    """An incident from minute -3 to minute 28; what its postmortem says of the one budget."""
    finding = factories.make_finding(service)
    alerts.pull_findings(now=NOW)
    factories.clear_finding(finding, now=at(28))
    alerts.pull_findings(now=at(28))
    alerts.pull_findings(now=at(33))
    (spent,) = Postmortem.objects.get().figures["budgets"]
    return dict(spent)


def test_budget_spent_is_bad_over_what_the_window_allowed(acme: Organisation) -> None:
    objective = objective_of(factories.make_service(acme))
    # Ten million requests in 30 days, 20,000 of them in the incident with 2,500 late ones: 2,500 of 10,000 allowed.
    tally(objective, -30 * 1440, good=0, total=0)
    tally(objective, -4, good=9_980_000, total=9_980_000)
    tally(objective, 28, good=9_997_500, total=10_000_000)
    spent = play(objective.service)
    assert (spent["objective"], spent["unit"], spent["bad"], spent["total"]) == ("ttft", "requests", 2500, 20000)
    assert spent["budget_share"] == pytest.approx(0.25)


def test_of_a_window_that_is_not_known_whole_the_share_cannot_be_told(acme: Organisation) -> None:
    objective = objective_of(factories.make_service(acme))
    tally(objective, -60, good=0, total=0)
    tally(objective, -4, good=10_000, total=10_000)
    tally(objective, 28, good=17_500, total=20_000)
    spent = play(objective.service)
    assert (spent["bad"], spent["total"], spent["budget_share"]) == (2500, 10000, None)
    assert "| First token | 2,500 of 10,000 requests | cannot tell |" in Postmortem.objects.get().markdown


def test_a_budget_in_minutes_is_known_before_its_window_is_over(acme: Organisation) -> None:
    objective = objective_of(
        factories.make_service(acme), method="timeslices", target=Decimal("0.995"), slice_target=0.95
    )
    tally(objective, -60, good=0, total=0)
    tally(objective, -4, good=56, total=56)
    tally(objective, 28, good=66, total=88)
    spent = play(objective.service)
    # 22 of the 216 minutes that 99.5 % of 30 days allow.
    assert (spent["unit"], spent["bad"], spent["total"]) == ("minutes", 22, 32)
    assert spent["budget_share"] == pytest.approx(22 / 216)


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
