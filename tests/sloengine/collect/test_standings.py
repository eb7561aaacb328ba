"""What sources said last, for the command, REST, and the page of an objective whose query has no answer."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from observability.core import permissions
from observability.core.models import Role
from sloengine.collect.models import MetricSource, Tick
from sloengine.objectives import services
from sloengine.objectives.texts import Document
from tests import factories
from tests.factories import NOW
from tests.sloengine.objectives.test_kinds import inline, metric

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation(frozen_now):
    """A source with a partial reading, at which the query of one objective was a parse error; and one that is down."""
    service = factories.make_service(factories.make_organisation("acme"), slug="chat")
    spec = f"{{ratioMetric: {{good: {metric('sum(')}, total: {metric('all_total')}}}}}"
    services.apply(
        organisation=service.organisation, documents=[Document("q", inline(spec))],
        actor=permissions.system(service.organisation), now=NOW,
    )  # fmt: skip
    told = ["chat/q: 400: parse error", "chat/q-other: 422: too much", "the server says that its answer is partial"]
    source = factories.make_source(
        service.organisation, name="main", kind="prometheus", url="http://me:secret@prometheus", last_tick=NOW
    )
    Tick.objects.create(source=source, at=NOW - timedelta(seconds=30), series=1, warnings=["long gone"])
    Tick.objects.create(source=source, at=NOW, series=1, state="partial", warnings=told)
    factories.make_source(
        service.organisation,
        name="down",
        kind="scrape",
        url="http://a\nhttp://b",
        failing_since=NOW,
        last_error="refused",
    )
    return service.organisation


def client(organisation):
    found = Client()
    found.force_login(factories.make_user(organisation, role=Role.VIEWER))
    return found


def test_the_command_and_rest_say_what_failed_and_what_was_missing(organisation, capsys):
    call_command("slo", "--organisation", "acme", "sources")
    shown = capsys.readouterr().out
    assert "main: chat/q: 400: parse error" in shown
    assert "down: refused, since 2026-" in shown
    assert "secret" not in shown
    out = StringIO()
    call_command("slo", "--organisation", "acme", "sources", "--json", stdout=out)
    told = client(organisation).get("/api/v1/sources").json()
    assert [(one["name"], one["state"]) for one in told] == [("down", "failing"), ("main", "partial")]
    assert [len(one["warnings"]) for one in told] == [0, 3]
    assert [one["url"] for one in told] == ["http://a http://b", "http://prometheus"]
    assert [one["warnings"] for one in json.loads(out.getvalue())] == [one["warnings"] for one in told]
    assert client(factories.make_organisation()).get("/api/v1/sources").json() == []


def test_the_page_of_an_objective_says_why_its_query_has_no_answer(organisation):
    page = client(organisation).get("/slos/chat/q/").content.decode()
    assert "had no answer at the last tick: 400: parse error" in page
    assert "too much" not in page
    told = client(organisation).get("/api/v1/objectives/chat/q").json()
    assert told["warnings"] == ["400: parse error"]


def test_connect_knows_other_organisations(organisation, settings):
    settings.PROMETHEUS_URL, settings.TAILWATCH_PROBE_URLS = "", ["http://127.0.0.1:9/metrics"]
    call_command("connect", "--organisation", "acme")
    assert MetricSource.objects.get(name="probes").organisation == organisation
    with pytest.raises(CommandError, match="no organisation 'nobody'"):
        call_command("connect", "--organisation", "nobody")
