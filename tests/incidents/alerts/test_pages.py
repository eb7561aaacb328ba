"""The pages and the REST interface of alerts, silences, maintenance, routes and integrations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.alerts import services
from incidents.alerts.models import Alert
from incidents.ingest import services as ingest
from incidents.ingest.models import Event, Integration
from incidents.ingest.services import Envelope
from incidents.maintenance.models import Maintenance
from incidents.response.models import Incident
from incidents.routing.models import RouteDocument
from incidents.silences.models import Silence
from observability.core.models import Organisation, Role
from tests import factories
from tests.factories import NOW
from tests.incidents.ingest.payloads import alert, group

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


@pytest.fixture
def ada(acme: Organisation) -> Client:
    client = Client()
    client.force_login(factories.make_user(acme, username="ada", role=Role.ADMIN))
    return client


@pytest.fixture
def vera(acme: Organisation) -> Client:
    client = Client()
    client.force_login(factories.make_user(acme, username="vera", role=Role.VIEWER))
    return client


def send(sender: Integration, *alerts: dict[str, Any]) -> None:
    ingest.receive(integration=sender, envelope=Envelope(orjson.dumps(group(*alerts))), now=NOW)
    services.pull_findings(now=NOW)


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:2000]
    return str(answer.content.decode())


def test_the_list_says_what_fires_and_where_it_went(acme: Organisation, ada: Client) -> None:
    sender, _ = factories.make_integration(acme)
    send(sender, alert(since=NOW, node="n1", fingerprint="abc"))
    page = text(ada.get("/alerts/"))
    assert "1 alert fires" in page
    assert "NodeDown of n1" in page
    assert "INC-1" in page
    assert "No alert fits" in text(ada.get("/alerts/?state=cleared&q=x&incident=zzz&page=zzz"))
    one = Alert.objects.get()
    assert "generatorURL" in text(ada.get(f"/alerts/{one.pk}/"))
    assert text(ada.get(f"/silences/?matcher=fingerprint%3D%22{one.fingerprint}%22")).count(one.fingerprint) == 1


def test_the_lists_take_the_same_queries_for_one_row_and_for_three(acme: Organisation, ada: Client) -> None:
    sender, _ = factories.make_integration(acme)
    taken = []
    for count in (1, 2):
        send(sender, *(alert(f"A{count}{number}", since=NOW) for number in range(count)))
        factories.make_integration(acme)
        for index in range(count):
            ada.post("/silences/add/", {"matchers": f'x="{count}{index}"', "hours": 1, "comment": "c"})
        with CaptureQueriesContext(connection) as queries:
            for address in ("/alerts/", "/silences/", "/integrations/", f"/integrations/{sender.pk}/"):
                text(ada.get(address))
        taken.append(len(queries))
    assert taken[0] == taken[1]


def test_a_silence_is_made_prolonged_and_ended_on_its_page(ada: Client, vera: Client) -> None:
    given = {"matchers": 'service="chat"\nregion="eu"', "hours": 4, "comment": "new disks"}
    assert ada.post("/silences/add/", given).status_code == 302
    row = Silence.objects.get()
    assert (row.matchers, row.ends_at) == (['service="chat"', 'region="eu"'], NOW + timedelta(hours=4))
    assert "1 silence holds" in text(ada.get("/silences/"))
    ada.post(f"/silences/{row.pk}/prolong/")
    assert Silence.objects.get().ends_at == NOW + timedelta(hours=8)
    assert vera.post(f"/silences/{row.pk}/end/").status_code == 403
    ada.post(f"/silences/{row.pk}/end/")
    assert Silence.objects.get().ends_at == NOW
    assert "A matcher cannot be read" in text(ada.post("/silences/add/", {**given, "matchers": "chat"}), 422)


def test_maintenance_is_planned_and_cancelled_on_its_page(ada: Client) -> None:
    given = {
        "name": "new racks", "matchers": 'service="chat"', "first": "2026-11-22T02:00", "zone": "Europe/Paris",
        "minutes": 60, "rule": "FREQ=WEEKLY", "announce": 24,
    }  # fmt: skip
    assert ada.post("/maintenance/add/", given).status_code == 302
    row = Maintenance.objects.get()
    assert (row.first, row.starts_at.hour) == ("2026-11-22T02:00:00", 1)
    assert "new racks" in text(ada.get("/maintenance/"))
    ada.post(f"/maintenance/{row.pk}/cancel/")
    assert Maintenance.objects.get().state == "cancelled"
    for wrong, said in (
        ({"rule": "often"}, "FREQ"),
        ({"zone": "Mars"}, "IANA"),
        ({"first": "soon"}, "expected a date"),
    ):
        assert said in text(ada.post("/maintenance/add/", {**given, **wrong}), 422)


def test_routes_are_tried_refused_with_their_line_and_counted(ada: Client, vera: Client) -> None:
    given = {"text": "routes:\r\n  - {name: eu, match: ['region=\"eu\"'], urgency: ticket}\r\n", "labels": "region=eu"}
    page = text(ada.post("/routes/change/", {**given, "try": "1"}))
    assert "takes it" in page
    assert "ticket" in page
    assert "Line 2, routes[0].urgency" in text(
        ada.post("/routes/change/", {"text": "routes:\n  - {name: eu, urgency: loud}"}), 422
    )
    assert vera.post("/routes/change/", given).status_code == 403
    assert ada.post("/routes/change/", given).status_code == 302
    assert RouteDocument.objects.get().version == 1
    assert "Routes, version 1" in text(vera.get("/routes/"))


def test_an_integration_is_added_tried_tested_and_ended_on_its_page(acme: Organisation, ada: Client) -> None:
    given = {"kind": "generic", "name": "shop", "default_urgency": "page", "mapping": '{"title": "what.name"}'}
    page = text(ada.post("/integrations/add/", given))
    assert "the key is shown this once" in page
    row = Integration.objects.get()
    assert "the key is shown this once" not in text(ada.get(f"/integrations/{row.pk}/"))
    tried = text(ada.post(f"/integrations/{row.pk}/try/", {"payload": '{"what": {"name": "late"}}'}))
    assert "<b>late</b> fires" in tried
    assert "no title: nothing is found at what.name" in text(
        ada.post(f"/integrations/{row.pk}/try/", {"payload": '{"what": 3}'})
    )
    assert Event.objects.count() == 0
    assert "was stored as event" in text(ada.post(f"/integrations/{row.pk}/test/", follow=True))
    services.pull_findings(now=NOW)
    assert (Alert.objects.get().urgency, Incident.objects.count()) == ("info", 0)
    change = {"name": "shop", "default_urgency": "info", "mapping": "[]"}
    assert "expected a JSON object" in text(ada.post(f"/integrations/{row.pk}/change/", change), 422)
    assert ada.post(f"/integrations/{row.pk}/change/", {**change, "mapping": ""}).status_code == 302
    old = Integration.objects.get().key_hash
    text(ada.post(f"/integrations/{row.pk}/key/"))
    assert Integration.objects.get().key_hash != old
    assert ada.post(f"/integrations/{row.pk}/end/").status_code == 302
    assert ada.get(f"/integrations/{row.pk}/").status_code == 404
    assert Alert.objects.get().state == "cleared"


@pytest.mark.parametrize("kind", ["alertmanager", "grafana", "pagerduty", "generic", "heartbeat"])
def test_every_kind_has_its_page_and_its_test(acme: Organisation, ada: Client, kind: str) -> None:
    row, _ = factories.make_integration(acme, kind=kind)
    text(ada.get(f"/integrations/{row.pk}/"))
    assert "was stored as event" in text(ada.post(f"/integrations/{row.pk}/test/", follow=True))
    assert "heard" in text(ada.get("/integrations/"))


def test_a_problem_is_shown_in_words(acme: Organisation, ada: Client) -> None:
    row, _ = factories.make_integration(acme)
    ingest.receive(integration=row, envelope=Envelope(b"{}"), now=NOW)
    for address in ("/integrations/", f"/integrations/{row.pk}/"):
        assert "alerts: found nothing, expected a list" in text(ada.get(address))


def test_what_pages_do_the_rest_interface_does(acme: Organisation, ada: Client) -> None:
    def call(method: str, path: str, document: Any = None, status: int = 200) -> Any:
        body = orjson.dumps(document) if document is not None else b""
        given = {} if method == "get" else {"data": body, "content_type": "application/json"}
        answer = getattr(ada, method)(f"/api/v1{path}", **given)
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    factories.make_service(acme, slug="chat")
    made = call("post", "/integrations", {"kind": "alertmanager", "name": "main", "service": "chat"}, 201)
    number = made["integration"]["id"]
    posted = Client().post(
        f"/hooks/alertmanager/{made['key']}", orjson.dumps(group(alert(since=NOW))), content_type="application/json"
    )
    assert posted.status_code == 200
    services.pull_findings(now=NOW)
    (one,) = call("get", "/alerts")["items"]
    assert (one["service"], one["incident"], one["integration"]) == ("chat", 1, "main")
    assert call("get", f"/alerts/{one['id']}")["extra"]["generatorURL"]
    assert call("patch", f"/integrations/{number}", {"default_urgency": "info", "service": ""})["service"] is None
    call("patch", f"/integrations/{number}", {"default_urgency": "loud"}, 409)
    assert call("post", f"/integrations/{number}/test")["alerts"] == 1
    assert len(call("get", f"/integrations/{number}/events")["items"]) == 2
    assert call("post", f"/integrations/{number}/key")["key"] != made["key"]
    ends = (NOW + timedelta(hours=2)).isoformat()
    silence = call("post", "/silences", {"matchers": ['a="b"'], "comment": "c", "ends_at": ends}, 201)
    later = (NOW + timedelta(hours=3)).isoformat()
    assert call("post", f"/silences/{silence['id']}/prolong", {"ends_at": later})["ends_at"].startswith("2026-11-17T13")
    assert call("post", f"/silences/{silence['id']}/end")["ends_at"].startswith("2026-11-17T10:00")
    call("post", "/silences", {"matchers": [], "comment": "c", "ends_at": ends}, 409)
    plan = {"name": "racks", "matchers": ['a="b"'], "first": "2026-12-01T02:00:00", "length_seconds": 3600}
    planned = call("post", "/maintenance", plan, 201)
    assert call("post", f"/maintenance/{planned['id']}/cancel")["state"] == "cancelled"
    assert len(call("get", "/maintenance")["items"]) == 1
    assert call("get", "/routes")["version"] == 0
    assert call("put", "/routes", {"text": "routes: [{name: all}]"})["version"] == 1
    call("put", "/routes", {"text": "routes: 3"}, 409)
    assert call("post", "/routes/test", {"labels": {"a": "b"}})["path"] == ["all"]
    assert call("get", "/notices") == []
    call("post", f"/integrations/{number}/end", status=204)
    assert call("get", "/integrations")["items"] == []
