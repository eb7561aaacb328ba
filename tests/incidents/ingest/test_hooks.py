"""What senders post, through the address that they post it to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import OperationalError, connection
from django.test import Client

from incidents.alerts import services as alerts
from incidents.alerts.models import Alert
from incidents.ingest import queries
from incidents.ingest.models import Event, Integration
from incidents.ingest.views import hooks
from incidents.paging.models import Page
from incidents.response.models import Incident
from observability.core import clock
from observability.core.models import Organisation
from tests import factories
from tests.factories import NOW
from tests.incidents.ingest.payloads import alert, group, incident, posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def acme() -> Organisation:
    return factories.make_organisation_on_call("acme")


def post(path: str, document: Any, *, now: datetime = NOW, headers: Mapping[str, str] | None = None) -> Any:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    with clock.frozen(now):
        return Client().generic("POST", path, body, content_type="application/json", headers=dict(headers or {}))


def address(integration: Integration, key: str) -> str:
    return f"/hooks/{integration.kind}/{key}"


@pytest.fixture
def alertmanager(acme: Organisation) -> str:
    return address(*factories.make_integration(acme))


def states() -> list[tuple[str, str]]:
    return sorted((row.title, row.state) for row in Alert.objects.all())


def test_what_alertmanager_posts_is_stored_and_becomes_one_incident_that_pages(alertmanager: str) -> None:
    answer = post(alertmanager, group(alert(since=at(-1), node="n1"), alert(since=at(-1), node="n2")))
    assert (answer.status_code, answer.json()["alerts"]) == (200, 2)
    event = Event.objects.get()
    assert orjson.loads(bytes(event.body))["version"] == "4"
    assert Incident.objects.count() == 0  # the hook stores; placing comes afterwards
    alerts.pull_findings(now=NOW)
    assert (Incident.objects.get().title, Incident.objects.get().severity) == ("NodeDown of n1", 2)
    assert (Alert.objects.filter(incident__isnull=False).count(), Page.objects.count()) == (2, 1)


def test_it_joins_the_incident_of_the_same_service_that_our_own_finding_opened(acme: Organisation, alertmanager: str):
    chat = factories.make_service(acme, slug="chat")
    factories.make_finding(chat)
    alerts.pull_findings(now=NOW)
    post(alertmanager, group(alert("ChatSlow", since=NOW, service="chat")))
    alerts.pull_findings(now=at(0.1))
    found = Incident.objects.get()
    assert (found.service, found.alerts.count(), found.leaf != "") == (chat, 2, True)


def test_each_alert_has_a_status_of_its_own_and_a_resolve_ends_it(alertmanager: str) -> None:
    post(alertmanager, group(alert(since=at(-1), node="n1"), alert(since=at(-1), node="n2")))
    alerts.pull_findings(now=NOW)
    post(alertmanager, group(alert(since=at(-1), until=at(2), node="n1"), alert(since=at(-1), node="n2")), now=at(2))
    assert states() == [("NodeDown of n1", "cleared"), ("NodeDown of n2", "firing")]
    alerts.pull_findings(now=at(10))
    assert Incident.objects.get().state == "open"
    post(alertmanager, group(alert(since=at(-1), until=at(11), node="n2")), now=at(11))
    alerts.pull_findings(now=at(11))
    alerts.pull_findings(now=at(16))
    assert (Incident.objects.get().state, Incident.objects.get().mitigated_at) == ("resolved", at(11))


def test_duplicates_of_a_pair_fold_and_the_same_again_changes_nothing(alertmanager: str) -> None:
    document = group(alert(since=at(-1), node="n1"))
    for seconds in range(3):
        assert post(alertmanager, document, now=at(seconds / 60)).status_code == 200
        alerts.pull_findings(now=at(seconds / 60))
    assert (Alert.objects.count(), Event.objects.count(), Page.objects.count()) == (1, 3, 1)


def test_a_stale_resolve_ends_nothing(alertmanager: str) -> None:
    post(alertmanager, group(alert(since=at(-1), node="n1")))
    post(alertmanager, group(alert(since=at(-30), until=at(-20), node="n1")), now=at(1))
    assert states() == [("NodeDown of n1", "firing")]


def test_a_late_firing_opens_nothing_again(alertmanager: str) -> None:
    post(alertmanager, group(alert(since=at(-1), node="n1")))
    post(alertmanager, group(alert(since=at(-1), until=at(2), node="n1")), now=at(2))
    post(alertmanager, group(alert(since=at(-1), node="n1")), now=at(3))
    assert states() == [("NodeDown of n1", "cleared")]


def test_the_same_message_twice_is_taken_once(alertmanager: str) -> None:
    document = group(alert(since=at(-1), node="n1"))
    first = post(alertmanager, document, headers={"Idempotency-Key": "one"})
    again = post(alertmanager, document, headers={"Idempotency-Key": "one"})
    assert (first.json()["duplicate"], again.status_code, again.json()["duplicate"]) == (False, 200, True)
    assert Event.objects.count() == 1


def test_unknown_fields_and_what_was_left_out_are_kept(alertmanager: str) -> None:
    one = {**alert(since=NOW), "values": {"A": 3}, "panelURL": "http://grafana/panel"}
    post(alertmanager, group(one, truncated=37))
    assert (Event.objects.get().truncated, Alert.objects.get().extra["values"]) == (37, {"A": 3})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"not json", "expected JSON"),
        (b"[]", "found a list, expected a JSON object"),
        (b'{"alerts": 3}', "alerts: found a number, expected a list"),
        (b'{"alerts": [{"status": "firing"}]}', "alerts[0].labels: found nothing"),
        (b'{"alerts": [{"status": "on", "labels": {"a": "b"}}]}', "found 'on', expected firing or resolved"),
        (b'{"alerts": [{"status": "firing", "labels": {"a": "b"}, "startsAt": "soon"}]}', "startsAt: found 'soon'"),
    ],
)
def test_a_malformed_payload_is_stored_with_its_error_in_words(alertmanager: str, body: bytes, said: str) -> None:
    answer = post(alertmanager, body)
    event, integration = Event.objects.get(), Integration.objects.get()
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert (said in event.error, said in integration.problem, bytes(event.body)) == (True, True, body)


def test_of_a_payload_that_is_half_good_the_good_half_counts(alertmanager: str) -> None:
    answer = post(alertmanager, group(alert(since=NOW), {"status": "firing"}))
    assert (answer.status_code, answer.json()["alerts"], Alert.objects.count()) == (200, 1, 1)
    assert "alerts[1].labels" in Event.objects.get().error


def test_a_value_that_no_database_takes_is_cleaned(alertmanager: str) -> None:
    one = alert(since=NOW, node="n\x001")
    one["annotations"] = {"summary": "a\x00b"}
    one["more"] = {"deep": "\x00"}
    assert post(alertmanager, group(one)).status_code == 200
    assert Alert.objects.get().title == "ab"


def test_a_body_over_the_limit_is_refused_and_shown(alertmanager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "LARGEST_BODY", 2**20)
    assert post(alertmanager, b"x" * (2**20 + 1)).status_code == 413
    assert "larger than 1 MiB" in Integration.objects.get().problem


def test_an_unknown_key_and_a_key_of_another_kind_are_not_found(acme: Organisation) -> None:
    _, key = factories.make_integration(acme, kind="grafana")
    for path in ("/hooks/alertmanager/guess", f"/hooks/alertmanager/{key}", f"/hooks/nothing/{key}"):
        assert post(path, {}).status_code == 404
    assert Event.objects.count() == 0


def test_under_overload_the_sender_is_asked_to_come_again(alertmanager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(hooks, "WAIT_SECONDS", 0.01)
    assert hooks._turns.acquire()
    answer = post(alertmanager, group(alert(since=NOW)))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    hooks._turns.release()

    def breaks(**given: Any) -> None:
        raise OperationalError("the database is shutting down")

    monkeypatch.setattr(queries, "take", breaks)
    assert post(alertmanager, group(alert(since=NOW))).status_code == 503


def signed(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_grafana_signs_the_body_or_time_and_body(acme: Organisation) -> None:
    plain = address(*factories.make_integration(acme, kind="grafana", secret="s"))
    timed = address(*factories.make_integration(acme, kind="grafana", secret="s", timestamp_header="X-Time"))
    body = orjson.dumps({**group(alert(since=NOW)), "version": "1", "title": "[FIRING:1]", "state": "alerting"})
    name, second = "X-Grafana-Alerting-Signature", str(int(NOW.timestamp()))
    assert post(plain, body, headers={name: signed("s", body)}).status_code == 200
    with_time = {name: signed("s", second.encode() + b":" + body), "X-Time": second}
    assert post(timed, body, headers=with_time).status_code == 200
    assert post(timed, body, now=at(6), headers=with_time).status_code == 401  # replayed
    for wrong in ({}, {name: signed("other", body)}, {name: "é"}):
        assert post(plain, body, headers=wrong).status_code == 401
    assert "signature" in Integration.objects.filter(timestamp_header="").get().problem


def test_pagerduty_signs_with_any_of_its_secrets_and_an_event_counts_once(acme: Organisation) -> None:
    path = address(*factories.make_integration(acme, kind="pagerduty", secret="new"))
    factories.make_service(acme, slug="chat")
    body = orjson.dumps(incident(at=NOW))
    both = f"v1={signed('old', body)},v1={signed('new', body)}"
    for _ in range(2):
        assert post(path, body, headers={"X-PagerDuty-Signature": both}).status_code == 200
    assert post(path, body, headers={"X-PagerDuty-Signature": f"v1={signed('old', body)}"}).status_code == 401
    alerts.pull_findings(now=NOW)
    assert (Event.objects.count(), Incident.objects.values_list("service__slug").get()) == (1, ("chat",))
    body = orjson.dumps(incident("resolved", at=at(5), created_at=NOW.isoformat()))
    post(path, body, now=at(5), headers={"X-PagerDuty-Signature": f"v1={signed('new', body)}"})
    assert states() == [("A little bump in the road", "cleared")]


def test_our_own_page_coming_back_from_pagerduty_is_no_alert(acme: Organisation) -> None:
    path = address(*factories.make_integration(acme, kind="pagerduty"))
    answer = post(path, incident(at=NOW, incident_key="tailwatch-acme-INC-4"))
    assert (answer.status_code, answer.json()["alerts"], Alert.objects.count()) == (200, 0, 0)


def test_prometheus_posts_straight_at_us_and_what_it_says_no_more_is_over(acme: Organisation) -> None:
    _, key = factories.make_integration(acme)
    bearer = {"Authorization": f"Bearer {key}"}
    assert post("/api/v2/alerts", [posted(since=NOW)], headers=bearer).status_code == 200
    assert post("/api/v2/alerts", [posted(since=NOW)]).status_code == 401
    basic = {"Authorization": "Basic " + base64.b64encode(f"prometheus:{key}".encode()).decode()}
    assert post("/api/v2/alerts", [posted(since=NOW)], headers=basic).status_code == 200
    assert post("/api/v2/alerts", [posted(since=NOW)], headers={"Authorization": "Basic !"}).status_code == 401
    alerts.pull_findings(now=NOW)
    again = {**posted(since=NOW), "endsAt": at(8).isoformat()}
    assert post(f"/hooks/alertmanager/{key}/api/v2/alerts", [again], now=at(3)).status_code == 200
    alerts.pull_findings(now=at(5))
    assert states() == [("NodeDown", "firing")]
    alerts.pull_findings(now=at(8))
    row = Alert.objects.get()
    assert (row.state, row.ends_at) == ("cleared", at(8))
    post(
        "/api/v2/alerts", [posted(since=at(20), until=at(21))], now=at(22), headers=bearer
    )  # over before it was heard of
    assert Alert.objects.filter(state="firing").count() == 0


def test_a_heartbeat_that_stays_away_becomes_an_alert_and_its_return_clears_it(acme: Organisation) -> None:
    from incidents.ingest import services

    integration, key = factories.make_integration(acme, kind="heartbeat", name="backup", expect_seconds=60)
    path = address(integration, key)
    assert Client().get(path).status_code == 200
    assert services.check_silence(now=at(0.9)) == 0
    assert services.check_silence(now=at(1.1)) == 1
    assert services.check_silence(now=at(1.2)) == 0
    alerts.pull_findings(now=at(1.2))
    assert "Nothing has come from backup" in Incident.objects.get().title
    post(path, b"", now=at(2))
    assert services.check_silence(now=at(2)) == 1
    assert {row.state for row in Alert.objects.all()} == {"cleared"}
    post(f"{path}/fail", b"disk is full", now=at(3))
    assert Alert.objects.get(state="firing").annotations["description"] == "disk is full"
    post(path, b"", now=at(4))
    assert Alert.objects.filter(state="firing").count() == 0
    assert Alert.objects.count() == 2  # check-ins that find nothing wrong leave no alerts behind


def test_only_the_alert_that_must_keep_firing_is_a_sign_of_life(acme: Organisation) -> None:
    from incidents.ingest import services
    from observability.core import permissions

    integration, key = factories.make_integration(acme)
    path, watchdog = address(integration, key), alert("Watchdog", since=at(-60))
    post(path, group(watchdog))
    system = permissions.system(acme)
    with pytest.raises(services.Unusable, match="needs expect_seconds"):
        services.change_integration(integration=integration, actor=system, now=NOW, expect_alert="Watchdog")
    named = {"expect_alert": "Watchdog", "expect_seconds": 60}
    services.change_integration(integration=integration, actor=system, now=NOW, **named)
    assert states() == [("Watchdog of somewhere", "cleared")]  # it was an alert until it was named
    for minute in (0.9, 1.8):
        post(path, group(watchdog), now=at(minute))
        assert services.check_silence(now=at(minute + 0.9)) == 0
    post(path, group(alert(since=at(2))), now=at(2.7))
    post(path, group(alert("Watchdog", since=at(-60), until=at(2))), now=at(2.7))
    assert services.check_silence(now=at(2.9)) == 1
    assert "Watchdog has not come from" in Alert.objects.get(title__contains="has not come").title
    post(path, group(watchdog), now=at(3))
    assert services.check_silence(now=at(3)) == 1
    assert [title for title, state in states() if state == "firing"] == ["NodeDown of somewhere"]


@pytest.mark.django_db(transaction=True)
def test_two_halves_of_a_pair_at_the_same_instant_fold(alertmanager: str) -> None:
    document = group(*(alert(since=at(-1), node=f"n{number}") for number in range(20)))
    answers: list[int] = []

    def send() -> None:
        with closing(connection):
            answers.append(post(alertmanager, document).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers, Alert.objects.count(), Event.objects.count()) == ([200] * 4, 20, 4)
