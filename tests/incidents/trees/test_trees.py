"""An organisation's own tree: drafted, tried, let run, gone back from; pages and REST."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.diagnosis import services as diagnosis
from incidents.diagnosis import shipped
from incidents.response.models import Incident
from incidents.trees import queries, services
from incidents.trees.models import DecisionTree, ThresholdOverride
from incidents.trees.services import TreeUnusable
from observability.core import permissions
from observability.core.models import AuditEntry, Organisation, Role
from observability.core.permissions import NotAllowed
from sloengine.catalog.models import Service
from tests.factories import NOW, make_finding, make_incident, make_organisation, make_service, make_user

pytestmark = pytest.mark.django_db
TEXT = shipped.text()
OTHER = TEXT.replace("page_breaches > 0 count, outage", "page_breaches > 7 count, outage", 1)
#: Where nothing is found it is called a tail.
TAIL = TEXT.replace(
    "to: streaming-stalls}\n      no: {otherwise: true, to: unexplained}",
    "to: streaming-stalls}\n      no: {otherwise: true, to: slow-tail}",
)


@pytest.fixture
def service() -> Service:
    return make_service(make_organisation(), slug="chat")


def draft(organisation: Organisation, text: str = OTHER, note: str = "") -> DecisionTree:
    actor = permissions.system(organisation)
    return services.draft(organisation=organisation, text=text, note=note, actor=actor, now=NOW)


def look(service: Service) -> Incident:
    make_finding(service, evidence={"objective": "first-token", "indicator": "ttft", "burn_rate_long": 20.0})
    incident = make_incident(service)
    diagnosis.diagnose(incident=incident, now=NOW)
    return incident


def test_a_draft_runs_only_once_somebody_lets_it_and_an_incident_keeps_its_version(service: Service) -> None:
    organisation, actor = service.organisation, permissions.system(service.organisation)
    row = draft(organisation)
    assert row.version == shipped.tree().version + 1
    assert f"version: {row.version}\n" in row.text
    assert look(service).diagnosis["branches"]["slo"] is True
    services.activate(tree=row, actor=actor, now=NOW)
    incident = look(service)
    assert (incident.tree_version, incident.diagnosis["branches"]["slo"]) == (row.version, False)
    services.use_shipped(organisation=organisation, actor=actor, now=NOW)
    assert queries.running(organisation_id=organisation.pk) == shipped.tree()
    assert DecisionTree.objects.get().state == "retired"
    services.activate(tree=row, actor=actor, now=NOW)  # back again
    assert queries.running(organisation_id=organisation.pk).version == row.version
    assert AuditEntry.objects.filter(verb="activate_tree").count() == 3


def test_a_bad_tree_is_refused_whole_and_what_runs_goes_on(service: Service) -> None:
    bad = TEXT.replace("runbook: stall", "runbook: stahl").replace(
        "traffic_factor > 1.5 x", "traffic_factor > 1.5 ms", 1
    )
    with pytest.raises(TreeUnusable) as refused:
        draft(service.organisation, bad)
    said = str(refused.value)
    assert "leaves.stall.runbook: found 'stahl', expected a known runbook (did you mean stall?)" in said
    assert "found unit 'ms' on traffic_factor, expected one of x" in said
    assert all(problem.line > 1 for problem in refused.value.problems)
    assert not DecisionTree.objects.exists()
    assert queries.running(organisation_id=service.organisation_id) == shipped.tree()


def test_a_stored_tree_that_a_release_no_longer_takes_leaves_the_shipped_one_running(service: Service) -> None:
    row = draft(service.organisation)
    services.activate(tree=row, actor=permissions.system(service.organisation), now=NOW)
    DecisionTree.objects.filter(pk=row.pk).update(text=row.text.replace("traffic_factor", "trafic_factor"))
    assert queries.running(organisation_id=service.organisation_id) == shipped.tree()
    assert look(service).leaf


def test_another_organisations_tree_is_none_of_ours(service: Service) -> None:
    other = make_organisation()
    services.activate(tree=draft(other), actor=permissions.system(other), now=NOW)
    assert queries.running(organisation_id=service.organisation_id) == shipped.tree()
    assert queries.past(organisation=other) == []


def test_only_who_may_changes_the_tree(service: Service) -> None:
    responder = permissions.of(make_user(service.organisation), service.organisation)
    with pytest.raises(NotAllowed):
        services.draft(organisation=service.organisation, text=TEXT, note="", actor=responder, now=NOW)
    with pytest.raises(NotAllowed):
        services.use_shipped(organisation=service.organisation, actor=responder, now=NOW)


def test_an_override_holds_for_its_service_alone(service: Service) -> None:
    batch = make_service(service.organisation, slug="batch")
    actor = permissions.system(service.organisation)
    given = {"place": "slo_breach", "was": "page_breaches > 0 count", "becomes": "page_breaches > 1 count", "note": ""}
    row = services.override(service=batch, **given, actor=actor, now=NOW)
    assert look(service).diagnosis["branches"]["slo"] is True
    assert look(batch).diagnosis["branches"]["slo"] is False
    services.remove_override(row=row, actor=actor, now=NOW)
    assert queries.tree_for(service=batch) == shipped.tree()


@pytest.fixture
def admin(service: Service, client: Client) -> Client:
    client.force_login(make_user(service.organisation, role=Role.COMMANDER))
    return client


def test_the_pages_lead_from_a_change_to_the_tree_that_runs(admin: Client, service: Service) -> None:
    look(service)
    assert "The decision tree that ships, version 2, runs" in admin.get("/tree/").content.decode()
    tried = admin.post("/tree/edit/", {"text": TAIL, "note": "calmer", "check": "1"}).content.decode()
    assert "This tree is valid" in tried
    assert "INC-1" in tried
    kept = admin.post("/tree/edit/", {"text": TAIL, "note": "calmer"})
    assert kept["Location"] == "/tree/3/"
    page = admin.get("/tree/3/").content.decode()
    assert "calmer" in page
    assert "◆" in page  # the incident would have come to another leaf
    admin.post("/tree/3/activate/")
    assert "Your decision tree, version 3, runs" in admin.get("/tree/").content.decode()
    assert "version: 3" in admin.get("/tree/edit/").content.decode()
    admin.post("/tree/shipped/")
    assert "that ships" in admin.get("/tree/").content.decode()


def test_problems_are_shown_with_their_lines_and_the_text_is_not_lost(admin: Client) -> None:
    bad = TEXT.replace("to: replicas_answer}", "to: replicas_answr}", 1)
    answer = admin.post("/tree/edit/", {"text": bad})
    said = answer.content.decode()
    assert answer.status_code == 422
    assert "found &#x27;replicas_answr&#x27;, expected the id of a node or leaf" in said
    assert "replicas_answr" in said.split("<textarea", 1)[1]


def test_an_override_is_made_and_removed_on_the_page(admin: Client, service: Service) -> None:
    given = {
        "service": service.pk,
        "place": "traffic",
        "was": "traffic_factor > 1.5 x",
        "becomes": "traffic_factor > 9 %",
    }
    assert "found unit" in admin.post("/tree/overrides/add/", given).content.decode()
    admin.post("/tree/overrides/add/", given | {"becomes": "traffic_factor > 9 x"})
    row = ThresholdOverride.objects.get()
    assert row.becomes in admin.get("/tree/").content.decode().replace("&gt;", ">")
    admin.post(f"/tree/overrides/{row.pk}/remove/")
    assert not ThresholdOverride.objects.exists()


def rest(client: Client, path: str, **body: Any) -> Any:
    answer = client.post(f"/api/v1{path}", body, content_type="application/json")
    assert answer.status_code < 300, answer.content
    return answer.json() if answer.content else None


def test_everything_a_page_does_the_api_does(admin: Client, service: Service) -> None:
    look(service)
    tried = rest(admin, "/trees/try", text=TAIL)
    assert (tried["valid"], tried["compared"][0]["changed"]) == (True, True)
    assert rest(admin, "/trees/try", text="tree: x")["problems"]
    made = rest(admin, "/trees", text=OTHER, note="by a program")
    assert rest(admin, f"/trees/{made['version']}/activate")["state"] == "active"
    assert admin.get("/api/v1/trees/running").json()["version"] == made["version"]
    assert admin.get("/api/v1/trees").json()["items"][0]["note"] == "by a program"
    assert rest(admin, "/trees/shipped/activate")["shipped"] is True
    override = {
        "service": "chat",
        "place": "traffic",
        "was": "traffic_factor > 1.5 x",
        "becomes": "traffic_factor > 2 x",
    }
    row = rest(admin, "/threshold-overrides", **override)
    assert admin.get("/api/v1/threshold-overrides").json()["items"][0]["service"] == "chat"
    rest(admin, f"/threshold-overrides/{row['id']}/remove")
    bad = admin.post("/api/v1/trees", {"text": "tree: x"}, content_type="application/json")
    assert bad.status_code == 409


def test_the_page_asks_as_often_for_three_versions_as_for_one(admin: Client, service: Service) -> None:
    counts = []
    for _ in range(2):
        draft(service.organisation)
        draft(service.organisation, note="again")
        with CaptureQueriesContext(connection) as seen:
            admin.get("/tree/")
        counts.append(len(seen))
    assert counts[0] == counts[1]
