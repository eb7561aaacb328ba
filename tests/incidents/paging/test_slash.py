"""A slash command in Slack declares an incident."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

import pytest

from incidents.paging.answers.slash import Declared, parse
from incidents.paging.endpoints import services as endpoints
from incidents.paging.models import Page
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import permissions
from tests.factories import NOW
from tests.incidents.paging.conftest import World
from tests.incidents.paging.test_vendors import only


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sev2 First tokens are late", Declared(Severity.SEV2, "First tokens are late")),
        ("  SEV-1:  all\n is down ", Declared(Severity.SEV1, "all is down")),
        ("sev6 no such", None),
        ("sev2", None),
        ("sev23 x", None),
        ("it is slow", None),
        ("", None),
    ],
)
def test_a_severity_and_a_title_are_read(text: str, said: Declared | None) -> None:
    assert parse(text) == said


@pytest.fixture
def slash(world: World, client: Any, frozen_now: Any) -> Any:
    """Ana's Slack pager, and a way to type a command as a member."""
    system = permissions.system(world.organisation)
    endpoints.set_slack_app(organisation=world.organisation, signing_secret="s3", actor=system, now=NOW)
    only(world, kind="slack", address="U1", secret="https://hooks.slack.example/x")

    def enter(text: str, *, member: str = "U1", secret: str = "s3", ago: float = 0) -> Any:
        body = urlencode({"command": "/incident", "user_id": member, "text": text})
        moment = str(int(frozen_now.timestamp() - ago))
        digest = hmac.new(secret.encode(), f"v0:{moment}:{body}".encode(), hashlib.sha256).hexdigest()
        return client.post(
            "/hooks/chat/slack/acme/",
            body,
            content_type="application/x-www-form-urlencoded",
            headers={"X-Slack-Signature": f"v0={digest}", "X-Slack-Request-Timestamp": moment},
        )

    return enter


@pytest.mark.django_db
def test_a_slash_command_declares_as_the_member_and_pages(world: World, slash: Any) -> None:
    answer = slash("sev2 First tokens are late").json()
    incident = Incident.objects.get()
    assert (incident.title, incident.severity, incident.declared_by) == ("First tokens are late", 2, world.ana)
    assert Page.objects.filter(incident=incident).exists()
    assert answer["response_type"] == "in_channel"
    assert answer["text"].startswith("INC-1 (SEV2) was declared by ana: First tokens are late\nhttp")


@pytest.mark.django_db
def test_what_is_not_genuine_or_not_understood_declares_nothing(world: World, slash: Any) -> None:
    assert slash("sev2 It is down", secret="guessed").status_code == 403
    assert slash("sev2 It is down", ago=301).status_code == 403
    assert "does not know the Slack member U9" in slash("sev2 It is down", member="U9").json()["text"]
    assert slash("help").json() == {
        "response_type": "ephemeral",
        "text": "Say how bad it is and what it is, such as: /incident sev2 First tokens of chat are late",
    }
    assert not Incident.objects.exists()
