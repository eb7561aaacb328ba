"""The page and the interface of a service's signals."""

from __future__ import annotations

import pytest
from django.test import Client

from incidents.diagnosis.signals import SIGNALS
from tests.factories import make_organisation, make_service, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client: Client) -> Client:
    service = make_service(make_organisation(), slug="chat")
    client.force_login(make_user(service.organisation))
    return client


def test_without_a_service_the_vocabulary_is_shown(reader: Client) -> None:
    said = reader.get("/signals/").content.decode()
    assert f"{len(SIGNALS)} signals" in said
    assert "inter_token_replica_skew" in said


def test_a_service_that_nobody_collects_tells_what_cannot_be_told(reader: Client) -> None:
    said = reader.get("/signals/?service=chat&replica=r1").content.decode()
    assert "Signals of chat, replica r1" in said
    assert "Cannot tell" in said


def test_a_program_asks_for_some_of_them(reader: Client) -> None:
    assert len(reader.get("/api/v1/signals").json()) == len(SIGNALS)
    told = reader.get("/api/v1/signals/chat?name=page_breaches&name=kv_cache&region=eu").json()
    assert [(one["name"], one["value"]) for one in told] == [("page_breaches", 0.0), ("kv_cache", None)]
    assert told[1]["sentence"].startswith("Cannot tell")
    assert told[1]["query"]["family"] == "kv_cache_ratio"
    assert reader.get("/api/v1/signals/chat?name=kv").status_code == 409
    assert reader.get("/api/v1/signals/nobody").status_code == 404
