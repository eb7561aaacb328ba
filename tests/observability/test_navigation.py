"""The main navigation: every page is in it once, marked where the reader stands, and stays when an address leads nowhere."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from observability.core.navigation import GROUPS, IN_BAR, SHORT
from tests import worlds

PLACES = [place for group in GROUPS for place in group.places]
MENU = re.compile(r'<nav class="menu".*?</nav>', re.DOTALL)
MARKED = re.compile(r'aria-current="page">([^<]+)<')


@pytest.fixture
def reader(db: None, frozen_now: datetime, client: Client, settings: Any) -> Client:
    settings.TAILWATCH_DEMO_FLEET_URL = "http://127.0.0.1:9850"
    client.force_login(worlds.small_world(now=frozen_now).people["viewer"])
    return client


def menu(text: str) -> str:
    found = MENU.search(text)
    assert found is not None
    return found.group()


def test_every_place_opens_for_a_viewer_and_is_the_one_that_is_marked(reader: Client) -> None:
    for place in PLACES:
        answer = reader.get(reverse(place.address))
        assert answer.status_code == 200, place
        assert MARKED.findall(menu(answer.content.decode())) == [place.name]


def test_a_key_leads_to_one_place_only() -> None:
    keys = [place.key for place in PLACES if place.key]
    assert len(keys) == len(set(keys))
    assert len({place.here for place in PLACES}) == len(PLACES)
    assert [place.here for place in SHORT] == list(IN_BAR)


def test_the_keys_that_work_are_the_keys_that_are_listed(reader: Client) -> None:
    text = reader.get("/runbooks/").content.decode()
    for place in PLACES:
        if place.key:
            assert f'data-go="{place.key}"' in menu(text)
            assert f"<kbd>{place.key}</kbd></dt><dd>{place.name}</dd>" in text


def test_a_page_behind_the_menu_is_told_on_a_phone(reader: Client) -> None:
    assert 'class="push here"' in reader.get("/silences/").content.decode()
    assert 'class="push"' in reader.get("/incidents/").content.decode()


def test_without_a_demo_there_is_no_demo_pager(reader: Client, settings: Any) -> None:
    settings.TAILWATCH_DEMO_FLEET_URL = ""
    assert "Demo pager" not in menu(reader.get("/slos/").content.decode())


def test_an_address_that_is_not_there_keeps_the_navigation_for_who_is_logged_in(reader: Client) -> None:
    answer = reader.get("/nowhere/")
    assert answer.status_code == 404
    assert MARKED.findall(menu(answer.content.decode())) == []
    reader.logout()
    assert 'class="menu"' not in reader.get("/nowhere/").content.decode()


def test_who_belongs_to_no_organisation_gets_no_navigation(db: None, client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("nobody"))
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert 'class="menu"' not in answer.content.decode()
