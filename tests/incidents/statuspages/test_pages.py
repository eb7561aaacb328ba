"""The status page tells what was published, to those who may read it, and nothing else."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.response.models import Incident
from incidents.statuspages import services
from incidents.statuspages.models import StatusPage
from incidents.statuspages.services import StatusPageRefused
from incidents.updates import services as updates
from incidents.updates.cadence import Impact, Phase
from observability.core import clock, permissions
from observability.core.models import Role
from observability.core.permissions import NotAllowed
from tests import factories, worlds

pytestmark = pytest.mark.django_db


def set_up(world: worlds.World, now: Any, *, public: bool, role: str = Role.ADMIN, slug: str = "acme") -> StatusPage:
    return services.save(
        organisation=world.organisation,
        slug=slug,
        title="Acme status",
        about="",
        public=public,
        components=[(world.services["chat"], "Chat"), (world.services["code"], "")],
        actor=permissions.of(world.people[role], world.organisation),
        now=now,
    )


def publish(world: worlds.World, now: Any, *, incident: Incident | None = None, **given: Any) -> None:
    said = {"headline": "Chat answers slowly", "text": "We look into it.", "phase": Phase.INVESTIGATING}
    updates.publish(
        incident=incident or world.incident,
        impact=given.pop("impact", Impact.DEGRADED),
        actor=permissions.system(world.organisation),
        now=now,
        **{**said, **given},
    )


def test_a_private_page_exists_for_members_only(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=False)
    anyone, member = Client(), Client()
    member.force_login(world.people[Role.VIEWER])
    stranger = Client()
    stranger.force_login(factories.make_user(factories.make_organisation("other")))
    answers = [client.get("/status/acme/") for client in (anyone, member, stranger)]
    assert [answer.status_code for answer in answers] == [404, 200, 404]
    assert answers[1].headers["Cache-Control"] == "private, no-cache"


def test_a_public_page_is_read_without_an_account_and_without_scripts(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)
    answer = Client().get("/status/acme/")
    text = answer.content.decode()
    assert answer.headers["Cache-Control"] == "public, max-age=30"
    assert "<script" not in text
    assert "Everything works" in text
    assert text.count("<rect") == 2 * 90


def test_nothing_that_was_not_published_is_told(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)
    actor = permissions.system(world.organisation)
    updates.post(incident=world.incident, text="secret-inside-update", actor=actor, now=frozen_now)
    before = Client().get("/status/acme/").content.decode()
    assert "Everything works" in before
    publish(world, frozen_now)
    after = Client().get("/status/acme/").content.decode()
    assert "1 of 2 services is degraded or down" in after
    assert "Chat answers slowly" in after
    for kept in (
        "secret-inside-update",
        world.incident.title,
        world.incident.name,
        "alice",
        "SEV",
        world.incident.headline,
    ):
        assert kept not in after, kept


def test_what_one_reader_is_shown_has_nothing_of_another(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)
    member = Client()
    world.people[Role.VIEWER].time_zone = "Asia/Kathmandu"
    world.people[Role.VIEWER].save()
    member.force_login(world.people[Role.VIEWER])
    assert member.get("/status/acme/").content == Client().get("/status/acme/").content
    assert "10:00:00 UTC" in Client().get("/status/acme/").content.decode()


def test_a_drill_is_never_shown(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)
    Incident.objects.filter(pk=world.incident.pk).update(drill=True)
    publish(world, frozen_now)
    assert "Chat answers slowly" not in Client().get("/status/acme/").content.decode()


def test_resolved_moves_it_to_the_past_for_ninety_days(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)
    publish(world, frozen_now, impact=Impact.OUTAGE)
    publish(world, frozen_now + timedelta(minutes=40), phase=Phase.RESOLVED, impact=Impact.NONE, text="Fixed.")
    with clock.frozen(frozen_now + timedelta(hours=1)):
        text = Client().get("/status/acme/").content.decode()
    assert "Everything works" in text
    assert "down, 40 min" in text
    with clock.frozen(frozen_now + timedelta(days=91)):
        set_up(world, frozen_now + timedelta(days=91), public=True)
        assert "Chat answers slowly" not in Client().get("/status/acme/").content.decode()


def test_what_went_private_is_not_read_from_the_cache(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)
    assert Client().get("/status/acme/").status_code == 200
    set_up(world, frozen_now, public=False)
    assert Client().get("/status/acme/").status_code == 404


def test_the_queries_are_the_same_for_one_and_for_three(world: worlds.World, frozen_now: Any) -> None:
    set_up(world, frozen_now, public=True)

    def queries(now: Any) -> int:
        publish(world, now)
        with CaptureQueriesContext(connection) as asked:
            Client().get("/status/acme/")
        return len(asked)

    first = queries(frozen_now)
    for _ in range(2):
        other = factories.make_incident(world.services["code"])
        publish(world, frozen_now, incident=other)
    assert queries(frozen_now + timedelta(minutes=1)) == first
    with CaptureQueriesContext(connection) as again:
        Client().get("/status/acme/")
    assert len(again) == 2  # the page, and whether something new was published


def test_only_an_administrator_sets_it_up_and_an_address_is_given_out_once(
    world: worlds.World, frozen_now: Any
) -> None:
    with pytest.raises(NotAllowed):
        set_up(world, frozen_now, public=True, role=Role.COMMANDER)
    other = factories.make_organisation("other")
    StatusPage.objects.create(organisation=other, slug="taken", title="x", changed_at=frozen_now)
    with pytest.raises(StatusPageRefused, match="is taken"):
        set_up(world, frozen_now, public=True, slug="taken")


def test_the_set_up_page_saves_and_keeps_names(world: worlds.World, frozen_now: Any) -> None:
    client = Client()
    client.force_login(world.people[Role.ADMIN])
    set_up(world, frozen_now, public=False)
    form = {"title": "Status", "slug": "acme", "about": "", "public": "on", "components": [world.services["chat"].pk]}
    assert client.post("/status/", form).status_code == 302
    page = StatusPage.objects.get()
    assert (page.title, page.public, [one.name for one in page.components.all()]) == ("Status", True, ["Chat"])
    assert client.post("/status/", {**form, "slug": "no spaces here"}).status_code == 422
    client.force_login(world.people[Role.VIEWER])
    assert client.post("/status/", form).status_code == 403
    assert "An administrator sets it up" in client.get("/status/").content.decode()


def test_rest_sets_it_up_and_reads_the_board(world: worlds.World, frozen_now: Any) -> None:
    client = Client(enforce_csrf_checks=False)
    client.force_login(world.people[Role.ADMIN])
    assert client.get("/api/v1/status-page").status_code == 404
    body = {"slug": "acme", "title": "Acme", "public": True, "components": [{"service": "chat", "name": "Chat"}]}
    made = client.put("/api/v1/status-page", json.dumps(body), content_type="application/json")
    assert (made.status_code, made.json()["components"]) == (200, [{"service": "chat", "name": "Chat"}])
    publish(world, frozen_now)
    board = client.get("/api/v1/status-page/board").json()
    assert board["components"] == [{"name": "Chat", "impact": "degraded"}]
    assert re.match("1 of 1", board["headline"])
