"""Login, logout, preferences, and what every answer carries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, RequestFactory

from observability.core import etag
from observability.core.models import Organisation, Role, User
from tests import worlds

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)


@pytest.fixture
def person(db: None) -> User:
    organisation = Organisation.objects.create(slug="acme", name="Acme")
    return worlds.make_person(organisation=organisation, username="alice", role=Role.RESPONDER, now=NOW)


def test_login_leads_to_where_one_wanted_to_go(client: Client, person: User) -> None:
    form = {"username": "alice", "password": worlds.PASSWORD, "next": "/preferences/"}
    assert client.post("/login/", form).headers["Location"] == "/preferences/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_login_never_leads_elsewhere(client: Client, person: User, elsewhere: str) -> None:
    form = {"username": "alice", "password": worlds.PASSWORD, "next": elsewhere}
    assert client.post("/login/", form).headers["Location"] == "/"


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", worlds.PASSWORD), ("", "")])
def test_a_failed_login_does_not_say_which_half_was_wrong(
    client: Client, person: User, name: str, password: str
) -> None:
    response = client.post("/login/", {"username": name, "password": password})
    assert "That name and password do not match" in response.content.decode()
    assert "sessionid" not in response.cookies


def test_preferences_are_kept(client: Client, person: User) -> None:
    client.force_login(person)
    response = client.post("/preferences/", {"time_zone": "Europe/Vienna", "theme": "dark", "display_name": "Alice M."})
    assert response.status_code == 302
    person.refresh_from_db()
    assert (person.time_zone, person.display_name) == ("Europe/Vienna", "Alice M.")
    text = client.get("/preferences/").content.decode()
    assert 'data-theme="dark"' in text
    assert "Times are shown in Europe/Vienna" in text


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "europe/vienna ", ""])
def test_a_zone_that_does_not_exist_is_refused_in_words(client: Client, person: User, zone: str) -> None:
    client.force_login(person)
    response = client.post("/preferences/", {"time_zone": zone, "theme": "auto", "display_name": ""})
    assert response.status_code == 422
    person.refresh_from_db()
    assert person.time_zone == "UTC"


def test_a_zone_that_vanished_falls_back_to_utc(client: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(time_zone="Mars/Olympus")
    client.force_login(person)
    assert client.get("/preferences/").status_code == 200


def test_a_theme_cookie_of_someone_elses_making_is_ignored(client: Client, person: User) -> None:
    client.cookies["theme"] = '"><script>'
    client.force_login(person)
    assert "data-theme" not in client.get("/preferences/").content.decode()


def test_headers_of_every_answer(client: Client, person: User) -> None:
    headers = client.get("/login/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"] or "no-cache" in headers["Cache-Control"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_an_unknown_address_is_a_page(client: Client, person: User) -> None:
    client.force_login(person)
    response = client.get("/nothing/like/it/")
    assert response.status_code == 404
    assert "Nothing is here." in response.content.decode()


def test_an_etag_ignores_running_clocks_and_masked_tokens() -> None:
    one = '<time datetime="x" data-relative="ago">4 s ago</time><input name="csrfmiddlewaretoken" value="a"><b>1</b>'
    same = '<time datetime="x" data-relative="ago">9 s ago</time><input name="csrfmiddlewaretoken" value="b"><b>1</b>'
    assert etag.of(one) == etag.of(same)
    assert etag.of(one) != etag.of(same.replace("<b>1", "<b>2"))
    assert etag.of(one) != etag.of(one.replace('datetime="x"', 'datetime="y"'))


@pytest.mark.parametrize("given", ["{tag}", 'W/"other", {tag}', '{tag} ,W/"x"'])
def test_any_of_the_tags_is_enough(rf: RequestFactory, given: str) -> None:
    request: Any = rf.get("/", headers={"If-None-Match": given.format(tag=etag.of("text"))})
    assert etag.unless_same(request, "text").status_code == 304
    assert etag.unless_same(rf.get("/"), "text").content == b"text"
