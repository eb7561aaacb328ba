"""Pushed KPIs: taken whole and once, read like any signal, promised like any other; beside the traffic of their service."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from observability.core import clock, permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from sloengine.budgets.queries import budget_status
from sloengine.budgets.services import evaluate_due
from sloengine.collect.models import MetricSource
from sloengine.collect.services import collect_due
from sloengine.kpis import queries, services
from sloengine.objectives import services as objectives
from sloengine.objectives.openslo import InvalidObjectives, Known, parse
from sloengine.objectives.rendering import render
from sloengine.objectives.texts import Document
from sloengine.rollups.queries import increments, silent_for
from tests import factories
from tests.sloengine.budgets.world import TICK, World

HEAD = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
  annotations: {{tailwatch/indicator: kpi, tailwatch/kpi: {kpi}}}
spec:
  service: chat
  timeWindow: [{{duration: 30d, isRolling: true}}]
"""
SHARE = (
    HEAD.format(name="buyers", kpi="conversions") + '  budgetingMethod: Occurrences\n  objectives: [{target: "0.9"}]\n'
)
VALUE = (
    HEAD.format(name="sales", kpi="orders")
    + "  budgetingMethod: Timeslices\n"
    + '  objectives: [{op: gte, value: 100, target: "0.9", timeSliceWindow: 1m}]\n'
)


@pytest.fixture
def world(db):
    return World()


def push(world, name, **given):
    actor = permissions.system(world.organisation)
    return services.push(service=world.service, name=name, actor=actor, now=world.now, **given)


def minute(world, *, good=10):
    """Two ticks, of the probe and of what was pushed."""
    for _ in range(2):
        world.tick(good=good, evaluate=False)
        collect_due(now=world.now)
        evaluate_due(now=world.now)


def promised(world, *texts):
    documents = [Document(f"{number}.yaml", text) for number, text in enumerate(texts)]
    actor = permissions.system(world.organisation)
    objectives.apply(organisation=world.organisation, documents=documents, actor=actor, now=world.now)


def test_counts_are_counted_from_the_first_push_and_once_a_key(world):
    start = world.now
    push(world, "conversions", good=9, total=10, key="a")
    push(world, "conversions", good=9, total=10, key="a")
    minute(world)
    push(world, "conversions", good=1, total=10, key="b")
    minute(world)
    window = {"service": world.service, "start": start, "end": world.now}
    assert increments(family="kpi_all_total", by=("slice",), **window) == {("conversions",): 20.0}
    assert queries.kpis(**window) == [queries.Kpi("conversions", 0.5, 20.0)]


def test_counts_and_values_carry_objectives(world):
    promised(world, SHARE, VALUE)
    for number in range(10):
        push(world, "conversions", good=8, total=10)
        push(world, "orders", value=120 if number < 5 else 60)
        minute(world)
    status = {one.slug: one for one in budget_status(service=world.service, now=world.now)}
    assert (status["buyers"].bad, status["buyers"].total) == (20, 100)
    assert status["buyers"].goal == "90 % of events good, over 30 days"
    assert status["sales"].bad == 5
    assert status["sales"].attained_ratio == pytest.approx(0.5)
    assert status["sales"].goal == "mean orders at least 100 in 90 % of minutes, over 30 days"


def test_throughput_that_rises_while_the_kpi_falls_is_readable_by_service(world):
    start = world.now
    for part in range(2):
        for _ in range(5):
            push(world, "orders", value=100 - 60 * part)
            minute(world, good=10 + 30 * part)
    middle = start + timedelta(minutes=5)
    before, after = (
        {"service": world.service, "start": a, "end": b} for a, b in ((start, middle), (middle, world.now))
    )
    assert sum(increments(family="requests_total", **after).values()) > 3 * sum(
        increments(family="requests_total", **before).values()
    )
    [old], [new] = queries.kpis(**before), queries.kpis(**after)
    assert (old.name, old.value, new.value) == ("orders", 100, 40)


def test_what_is_pushed_no_longer_is_no_data_and_no_sign_of_life(world):
    push(world, "orders", value=1)
    minute(world)
    last = world.now
    for _ in range(40):
        world.now += TICK
        collect_due(now=world.now)
    window = {"service": world.service, "start": world.now - timedelta(minutes=4), "end": world.now}
    assert queries.kpis(**window) == []
    assert MetricSource.objects.get(kind="pushed").last_tick > last
    assert silent_for(service=world.service, now=world.now) == world.now - last


def test_a_push_is_refused_in_words(world):
    push(world, "orders", value=1)
    for given, sentence in (
        ({}, "expected value, or good and total"),
        ({"value": 1, "good": 1, "total": 1}, "expected value, or good and total"),
        ({"good": 3, "total": 2}, "found 3 good of 2"),
        ({"value": float("nan")}, "expected a number"),
        ({"good": 1, "total": 2}, "orders: found counts, expected a value"),
    ):
        with pytest.raises(services.BadPush, match=sentence):
            push(world, "orders", **given)
    viewer = permissions.of(factories.make_user(world.organisation, role=Role.VIEWER), world.organisation)
    with pytest.raises(NotAllowed):
        services.push(service=world.service, name="orders", actor=viewer, now=world.now, value=1)


def test_over_rest(world, frozen_now):
    client = Client()
    client.force_login(factories.make_user(world.organisation, role=Role.RELEASE_ENGINEER))
    send: dict[str, Any] = {"content_type": "application/json"}
    made = client.post("/api/v1/kpis/orders", {"service": "chat", "value": 12.5}, **send)
    assert (made.status_code, made.json()["value"]) == (201, 12.5)
    assert client.post("/api/v1/kpis/orders", {"service": "chat", "good": 1}, **send).status_code == 422
    assert client.post("/api/v1/kpis/orders", {"service": "nobody", "value": 1}, **send).status_code == 404
    assert client.get("/api/v1/kpis").json()[0]["name"] == "orders"
    assert client.get("/api/v1/services/chat/kpis").json() == []
    assert AuditEntry.objects.filter(verb="push_kpi").count() == 1
    assert clock.now() == frozen_now


def test_a_document_of_a_kpi_reads_back_and_refuses_what_cannot_be():
    known = Known(services=("chat",))
    found = parse(documents=[Document("a", SHARE), Document("b", VALUE)], known=known).objectives
    assert parse(documents=[Document("c", render(found))], known=known).objectives == found
    for text, sentence in (
        (SHARE.replace("conversions", '"a b"'), "a KPI that is pushed"),
        (VALUE.replace("gte", "lte"), "gte: the mean of a slice"),
        (VALUE.replace("Timeslices", "Occurrences").replace(", timeSliceWindow: 1m", ""), "Timeslices"),
        (SHARE.replace(", tailwatch/kpi: conversions", ""), "the name under which it is pushed"),
    ):
        with pytest.raises(InvalidObjectives, match=sentence):
            parse(documents=[Document("a", text)], known=known)
