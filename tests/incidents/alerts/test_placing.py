"""Alerts from outside on their way into incidents: routes, silences, maintenance, inhibition, storms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.alerts import services
from incidents.alerts.maintenance import Plan
from incidents.alerts.models import Alert
from incidents.diagnosis.queries import ServiceView
from incidents.ingest import services as ingest
from incidents.ingest.models import Integration
from incidents.ingest.services import Envelope
from incidents.maintenance import services as maintenance
from incidents.maintenance.models import Maintenance
from incidents.paging.models import Page
from incidents.response.models import Incident
from incidents.routing import services as routing
from incidents.silences import services as silences
from incidents.silences.models import Notice, Silence
from observability.core import permissions
from observability.core.models import Organisation
from sloengine.catalog.models import Change
from tests import factories
from tests.factories import NOW
from tests.incidents.ingest.payloads import alert, group

pytestmark = pytest.mark.django_db


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
def acme() -> Organisation:
    return factories.make_organisation_on_call("acme")


@pytest.fixture
def sender(acme: Organisation) -> Integration:
    return factories.make_integration(acme)[0]


def beat(now: datetime) -> None:
    silences.run_silences(now=now)
    maintenance.run_maintenance(now=now)
    services.pull_findings(now=now)


def send(sender: Integration, *alerts: dict[str, Any], now: datetime = NOW, **given: Any) -> None:
    body = orjson.dumps(group(*alerts, **given))
    assert ingest.receive(integration=sender, envelope=Envelope(body), now=now).error == ""
    beat(now)


def routes(acme: Organisation, text: str) -> None:
    routing.set_routes(organisation=acme, text=text, actor=permissions.system(acme), now=at(-60))


def quieted(acme: Organisation, *matchers: str, minutes: float = 60, now: datetime = NOW) -> Silence:
    return silences.silence(
        organisation=acme,
        matchers=matchers,
        starts_at=now,
        ends_at=now + timedelta(minutes=minutes),
        comment="we know",
        actor=permissions.system(acme),
        now=now,
    )


def open_titles() -> list[str]:
    return sorted(Incident.objects.exclude(state="resolved").values_list("title", flat=True))


# ---- grouping and routes ------------------------------------------------------------------------------------------


def test_a_storm_is_one_incident_one_page_and_one_line_with_its_count(sender: Integration) -> None:
    with CaptureQueriesContext(connection) as queries:
        send(sender, *(alert(since=NOW, node=f"n{number}") for number in range(600)))
    incident = Incident.objects.get()
    assert (incident.alerts.count(), Page.objects.count()) == (600, 1)
    joined = incident.timeline.filter(kind="alert_joined").get()
    assert joined.sentence.startswith("599 alerts joined, such as: NodeDown of n")
    assert len(queries) < 120  # not by the alert
    send(sender, *(alert(since=NOW, until=at(1), node=f"n{number}") for number in range(600)), now=at(1))
    services.pull_findings(now=at(6))
    assert Incident.objects.get().state == "resolved"


def test_a_route_groups_by_labels_and_chooses_the_policy_and_the_urgency(
    acme: Organisation, sender: Integration
) -> None:
    ben = factories.make_user(acme, username="ben")
    factories.make_pager(ben, acme, url="http://127.0.0.1:1/")
    team = factories.make_team(acme, slug="platform")
    factories.make_policy(acme, ben, team=team, name="Nights")
    routes(
        acme,
        """
        routes:
          - name: nodes
            match: ['alertname="NodeDown"']
            group_by: [region]
            policy: nights
            routes:
              - {name: staging, match: ['environment="staging"'], urgency: ticket}
        """,
    )
    send(
        sender,
        alert(since=NOW, node="n1", region="eu"),
        alert(since=NOW, node="n2", region="eu"),
        alert(since=NOW, node="n3", region="us", environment="staging"),
    )
    eu, us = Incident.objects.order_by("severity")
    assert (eu.group_key, eu.severity, eu.pages.get().user) == ("labels:region=eu", 2, ben)
    assert (us.group_key, us.severity, us.pages.count()) == ("labels:region=us", 3, 0)
    assert set(Alert.objects.values_list("route", flat=True)) == {"nodes", "nodes > staging"}


def test_a_group_waits_for_others_of_it(acme: Organisation, sender: Integration) -> None:
    routes(acme, "routes: [{name: all, group_by: [cluster], group_wait: 30s}]")
    send(sender, alert("A", since=NOW, cluster="c"))
    assert (open_titles(), Alert.objects.get().reason) == ([], "waits: others of its group may follow")
    send(sender, alert("B", since=NOW, cluster="c"), now=at(0.2))
    beat(at(0.5))
    assert (Incident.objects.get().alerts.count(), Page.objects.count()) == (2, 1)


def test_windows_of_a_route_resolve_and_reopen(acme: Organisation, sender: Integration) -> None:
    routes(acme, "routes: [{name: slow, resolve_after: 20m, reopen_within: 1h}]")
    send(sender, alert(since=NOW))
    send(sender, alert(since=NOW, until=at(1)), now=at(1))
    beat(at(20))
    assert Incident.objects.get().state == "open"
    beat(at(21))
    assert Incident.objects.get().state == "resolved"
    send(sender, alert(since=at(70)), now=at(70))
    assert (Incident.objects.count(), Incident.objects.get().state) == (1, "open")


def test_a_whole_group_of_the_sender_is_one_incident(acme: Organisation) -> None:
    whole, _ = factories.make_integration(acme, whole_groups=True)
    send(whole, alert("A", since=NOW), alert("B", since=NOW))
    send(whole, alert("C", since=NOW), key="{}:{other}")
    assert Incident.objects.count() == 2


def test_what_a_route_drops_opens_nothing(acme: Organisation, sender: Integration) -> None:
    routes(acme, "routes: [{name: noise, match: ['alertname=\"Watchdog\"'], drop: true}]")
    send(sender, alert("Watchdog", since=NOW))
    assert (Incident.objects.count(), Alert.objects.get().reason) == (0, "kept: its route drops it")


def test_an_alert_whose_kind_a_route_names_answers_the_questions_of_the_tree(
    acme: Organisation, sender: Integration
) -> None:
    chat = factories.make_service(acme, slug="chat")
    routes(acme, "routes: [{name: down, match: ['alertname=\"ChatDown\"'], kind: outage}]")
    send(sender, alert("ChatDown", since=NOW, service="chat"), alert("Other", since=NOW, service="chat"))
    (found,) = ServiceView(chat, NOW, at(1)).findings()
    assert (found.kind, found.severity, found.reason) == ("outage", "page", "ChatDown of somewhere")
    incident = Incident.objects.get()
    assert (incident.leaf != "", incident.alerts.count()) == (True, 2)


# ---- inhibition ---------------------------------------------------------------------------------------------------


def test_a_down_region_quiets_the_services_that_live_in_it_alone(acme: Organisation, sender: Integration) -> None:
    here, both = factories.make_service(acme, slug="chat"), factories.make_service(acme, slug="search")
    factories.make_deployment(here, region="eu")
    factories.make_deployment(both, region="eu")
    factories.make_deployment(both, region="us")
    send(
        sender,
        alert("ChatDown", since=NOW, service="chat"),
        alert("SearchDown", since=NOW, service="search"),
        alert("RegionDown", since=NOW, scope="region", region="eu"),
    )
    assert open_titles() == ["RegionDown of somewhere", "Search: SearchDown of somewhere"]
    assert Alert.objects.get(labels__alertname="ChatDown").muted_reason == "quieted: its region is down"
    send(sender, alert("RegionDown", since=NOW, until=at(5), scope="region", region="eu"), now=at(5))
    beat(at(5))
    assert "Chat: ChatDown of somewhere" in open_titles()


def test_a_region_that_goes_down_later_folds_the_incidents_of_its_services(
    acme: Organisation, sender: Integration
) -> None:
    chat, search, both = (factories.make_service(acme, slug=slug) for slug in ("chat", "search", "both"))
    for service, regions in ((chat, ["eu"]), (search, ["eu"]), (both, ["eu", "us"])):
        for region in regions:
            factories.make_deployment(service, region=region)
    down = [alert(f"{slug.title()}Down", since=NOW, service=slug) for slug in ("chat", "search", "both")]
    send(sender, *down)
    assert len(open_titles()) == 3
    send(sender, alert("RegionDown", since=at(1), scope="region", region="eu"), now=at(1))
    beat(at(1))
    assert open_titles() == ["Both: BothDown of somewhere", "RegionDown of somewhere"]
    down_one = Incident.objects.get(title__startswith="Region")
    folded = Incident.objects.filter(merged_into=down_one).order_by("number")
    assert [one.service for one in folded] == [chat, search]
    said = [entry.sentence for entry in down_one.timeline.filter(kind="merged")]
    assert said == [f"{one.name} was merged into {down_one.name}: what it says explains it" for one in folded]
    assert not Page.objects.filter(incident__in=folded, state="pending", kind="opened").exists()
    # The region is back, the chat is not: it holds open what it was folded into, and nobody forgets it.
    send(sender, alert("RegionDown", since=at(1), until=at(5), scope="region", region="eu"),
         alert("SearchDown", since=NOW, until=at(5), service="search"), now=at(5))  # fmt: skip
    beat(at(5))
    beat(at(30))
    assert open_titles() == ["Both: BothDown of somewhere", "RegionDown of somewhere"]
    send(sender, alert("ChatDown", since=NOW, until=at(31), service="chat"), now=at(31))
    beat(at(31))
    beat(at(37))
    assert open_titles() == ["Both: BothDown of somewhere"]


def test_what_explains_only_some_of_an_incident_folds_nothing(acme: Organisation, sender: Integration) -> None:
    rule = """inhibit: [{name: the node is down, source: ['alertname="NodeDown"'], target: ['alertname="PodDown"'], equal: [node]}]"""
    routes(acme, rule)
    chat = factories.make_service(acme, slug="chat")
    send(sender, *(alert("PodDown", since=NOW, node=node, service=chat.slug) for node in ("n1", "n2")))
    send(sender, alert(since=at(1), node="n1"), now=at(1))
    beat(at(1))
    assert len(open_titles()) == 2
    send(sender, alert("NodeDown", since=at(2), node="n2"), now=at(2))
    beat(at(2))
    assert open_titles() == ["NodeDown of n1"]


def test_inhibition_by_matchers_where_labels_agree(acme: Organisation, sender: Integration) -> None:
    rule = """inhibit: [{name: the node is down, source: ['alertname="NodeDown"'], target: ['alertname="PodDown"'], equal: [node]}]"""
    routes(acme, rule)
    send(
        sender,
        alert(since=NOW, node="n1"),
        alert("PodDown", since=NOW, node="n1"),
        alert("PodDown", since=NOW, node="n2"),
    )
    assert open_titles() == ["NodeDown of n1", "PodDown of n2"]
    beat(at(30))  # nothing has changed: it stays quiet, through a restart as well
    assert len(open_titles()) == 2


def test_a_blind_source_quiets_its_absence_alerts(acme: Organisation, sender: Integration) -> None:
    factories.make_finding(
        None, organisation=acme, kind="blind", severity="ticket", reason="prometheus does not answer"
    )
    services.pull_findings(now=NOW)
    send(sender, alert("MetricsAbsent", since=NOW), now=at(1))
    assert open_titles() == ["prometheus does not answer"]


# ---- silences -----------------------------------------------------------------------------------------------------


def test_a_silence_survives_a_flap_and_what_fires_at_its_end_pages(acme: Organisation, sender: Integration) -> None:
    quieted(acme, 'node="n1"')
    for minute in (0, 10, 20):
        send(sender, alert(since=at(minute), node="n1"), now=at(minute))
        send(sender, alert(since=at(minute), until=at(minute + 1), node="n1"), now=at(minute + 1))
    send(sender, alert(since=at(30), node="n1"), now=at(30))
    assert open_titles() == []
    beat(at(59.9))
    assert (open_titles(), [notice.kind for notice in Notice.objects.all()]) == ([], ["silence ends"])
    beat(at(60))
    assert (open_titles(), Page.objects.count()) == (["NodeDown of n1"], 1)


def test_one_alert_of_a_group_is_silenced_and_holds_it_open_no_more(acme: Organisation, sender: Integration) -> None:
    send(sender, alert(since=NOW, node="n1"), alert(since=NOW, node="n2"))
    noisy = Alert.objects.get(labels__node="n1")
    quieted(acme, f'fingerprint="{noisy.fingerprint}"', now=at(1))
    beat(at(1))
    noisy.refresh_from_db()
    incident = Incident.objects.get()
    assert (noisy.told, incident.quiet_since) == ("muted", None)
    assert "silenced: we know" in [entry.payload.get("reason") for entry in incident.timeline.all()]
    send(sender, alert(since=NOW, until=at(2), node="n2"), now=at(2))
    beat(at(7))
    assert Incident.objects.get().state == "resolved"


def test_a_silence_that_is_ended_early_lets_through_at_once(acme: Organisation, sender: Integration) -> None:
    row = quieted(acme, 'alertname="NodeDown"')
    send(sender, alert(since=NOW))
    silences.end(silence=row, actor=permissions.system(acme), now=at(2))
    beat(at(2))
    assert open_titles() == ["NodeDown of somewhere"]


def test_a_silence_of_our_own_finding(acme: Organisation) -> None:
    quieted(acme, 'service="chat"', minutes=30)
    factories.make_finding(factories.make_service(acme, slug="chat"))
    services.pull_findings(now=NOW)
    assert (open_titles(), Alert.objects.get().muted_reason) == ([], "silenced: we know")
    beat(at(30))
    assert len(open_titles()) == 1


@pytest.mark.parametrize("matchers", [[], ['service!="chat"'], ['service=""'], ['service=~".*"'], ["nonsense"]])
def test_a_silence_of_everything_is_refused(acme: Organisation, matchers: list[str]) -> None:
    with pytest.raises(silences.NoSilence):
        quieted(acme, *matchers)


# ---- maintenance --------------------------------------------------------------------------------------------------


def planned(acme: Organisation, *, rule: str = "", first: datetime | None = None) -> Maintenance:
    when = Plan((first or at(60)).replace(tzinfo=None), timedelta(hours=1), "UTC", rule)
    return maintenance.plan(
        organisation=acme,
        name="new racks",
        matchers=['service="chat"'],
        when=when,
        announce=timedelta(minutes=30),
        actor=permissions.system(acme),
        now=NOW,
    )


def test_maintenance_is_announced_quiets_and_what_is_open_at_its_end_notifies(
    acme: Organisation, sender: Integration
) -> None:
    factories.make_service(acme, slug="chat")
    row = planned(acme)
    beat(at(29))
    assert Notice.objects.count() == 0
    beat(at(30))
    assert "Maintenance in 30 min: new racks" in Notice.objects.get().text
    beat(at(60))
    assert Change.objects.get().kind == "maintenance"
    send(sender, alert(since=at(70), service="chat"), now=at(70))
    assert (open_titles(), Alert.objects.get().muted_reason) == ([], "maintenance: new racks")
    beat(at(120))
    row.refresh_from_db()
    assert (row.state, len(open_titles()), Page.objects.count()) == ("over", 1, 1)


def test_maintenance_that_recurs_comes_again(acme: Organisation, sender: Integration) -> None:
    row = planned(acme, rule="FREQ=WEEKLY;COUNT=2")
    beat(at(121))
    row.refresh_from_db()
    assert (row.state, row.starts_at) == ("planned", at(60) + timedelta(days=7))
    beat(at(61) + timedelta(days=7))
    send(sender, alert(since=at(62) + timedelta(days=7), service="chat"), now=at(62) + timedelta(days=7))
    assert open_titles() == []
    beat(at(121) + timedelta(days=7))
    row.refresh_from_db()
    assert row.state == "over"


def test_a_quiet_beat_stays_cheap_with_alerts_that_fire(acme: Organisation, sender: Integration) -> None:
    send(sender, *(alert(since=NOW, node=f"n{number}") for number in range(5)))
    with CaptureQueriesContext(connection) as queries:
        services.pull_findings(now=at(1))
    assert len(queries) == 1
