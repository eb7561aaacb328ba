"""The shadow log and replays on demand: kept once, bounded, used where the old version is gone, seen on the page and over REST."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from incidents.diagnosis import replay
from incidents.diagnosis import services as diagnosis
from incidents.diagnosis.replay import Question, ReplayPrompt, Reply
from incidents.learning.services import _replay
from incidents.replays import queries, services, shelf
from incidents.replays.models import StoredAnswer
from incidents.response.models import Incident
from observability.core.models import Role
from tests.factories import NOW, make_deployment, make_incident, make_service, make_user

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "Paris is the capital of France.", "It may be Lyon, or so I was told by somebody@example.com."
MINUTE = timedelta(minutes=1)


class OneVersion:
    """Only the version in service can be asked: what came before is gone."""

    instant = False

    def __init__(self) -> None:
        self.says, self.asked = RIGHT, 0

    def suite(self, service: str) -> Sequence[ReplayPrompt]:
        safe = {"safety": lambda answer: "@" not in answer}
        return [ReplayPrompt("facts", f"Question {number}", (RIGHT,), checks=safe) for number in range(20)]

    def ask(self, service: str, questions: Sequence[Question]) -> Sequence[Reply]:
        self.asked += len(questions)
        return [Reply(self.says, seconds=0.5) if one.serves else Reply(None, "not offered") for one in questions]


@pytest.fixture
def endpoint() -> Iterator[OneVersion]:
    found = OneVersion()
    replay.register(found)
    yield found
    replay.unregister()


@pytest.fixture
def service(acme, frozen_now):
    return make_service(acme)


def test_what_a_new_version_says_is_kept_once_while_it_is_well(service, endpoint):
    make_deployment(service, version="v1", seen_from=NOW - timedelta(minutes=30))
    assert services.keep_due(now=NOW) == 1
    assert queries.answers(service=service, version="v1") == {f"Question {number}": RIGHT for number in range(20)}
    assert services.keep_due(now=NOW + MINUTE) == 0
    assert endpoint.asked == 20


def test_a_version_that_came_a_moment_ago_or_is_in_trouble_is_not_asked(service, endpoint):
    make_deployment(service, version="v1", seen_from=NOW - MINUTE)
    assert services.keep_due(now=NOW) == 0
    make_incident(service)
    assert services.keep_due(now=NOW + timedelta(minutes=30)) == 0
    assert endpoint.asked == 0


def test_the_log_keeps_three_versions_and_cuts_long_answers(service, endpoint):
    for number in range(5):
        said = {"Question 1": f"{number} " + "x" * 5000}
        services.keep(
            service=service, version=f"v{number}", said=said, suite=endpoint.suite("chat"), now=NOW + number * MINUTE
        )
    assert queries.versions(service=service) == ["v4", "v3", "v2"]
    assert {len(answer) for answer in StoredAnswer.objects.values_list("answer", flat=True)} == {shelf.LONGEST}


def asked_for(service, endpoint, client_of):
    """Version 1 said what is right and is gone; version 2 serves, and somebody asks for a replay."""
    make_deployment(service, version="v1", seen_from=NOW - timedelta(hours=2), seen_until=NOW - timedelta(minutes=20))
    make_deployment(service, version="v2", seen_from=NOW - timedelta(minutes=20))
    suite = endpoint.suite("chat")
    services.keep(service=service, version="v1", said={one.prompt: RIGHT for one in suite}, suite=suite, now=NOW)
    endpoint.says = WRONG
    incident = make_incident(service)
    assert client_of(Role.RESPONDER).post(f"/incidents/{incident.number}/replay/").status_code == 302
    return incident


@pytest.fixture
def client_of(service, client):
    def logged_in(role):
        client.force_login(make_user(service.organisation, role=role))
        return client

    return logged_in


def test_a_replay_on_demand_compares_with_the_stored_answers_and_shows_the_worst_pairs(service, endpoint, client_of):
    incident = asked_for(service, endpoint, client_of)
    page = client_of(Role.RESPONDER).get(f"/incidents/{incident.number}/").content.decode()
    assert "The replay suite runs" in page
    assert diagnosis.replay_due(now=NOW + MINUTE) == 1
    stored = Incident.objects.get(pk=incident.pk)
    told = stored.diagnosis["replay"]
    assert (told["pending"], told["slices"][0]["verdict"]) == (False, "worse")
    assert told["note"].startswith("v2 against the stored answers")
    assert "safety newly fails on 100%" in told["slices"][0]["sentence"]
    assert told["worst"][0]["broken"] == ["safety"]
    assert len(told["worst"]) == replay.WORST_PAIRS
    page = client_of(Role.RESPONDER).get(f"/incidents/{incident.number}/").content.decode()
    for words in ("worst pairs, side by side", RIGHT, WRONG, "Replay now", "no longer holds: safety"):
        assert words in page
    assert "asked for by person" in stored.timeline.get(kind="note").payload["text"]
    assert "safety newly fails" in _replay(told)
    assert queries.versions(service=service)[0] == "v2"


def test_over_rest_a_replay_runs_is_read_and_the_log_is_listed(service, endpoint, client_of):
    incident = asked_for(service, endpoint, client_of)
    client = client_of(Role.RESPONDER)
    again = client.post(f"/api/v1/incidents/{incident.number}/replay", content_type="application/json")
    assert (again.status_code, again.json()["pending"]) == (202, True)
    diagnosis.replay_due(now=NOW + MINUTE)
    told = client.get(f"/api/v1/incidents/{incident.number}/replay").json()
    assert told["slices"][0]["verdict"] == "worse"
    answers = client.get(f"/api/v1/services/{service.slug}/answers?version=v1&limit=5").json()
    assert (len(answers["items"]), answers["items"][0]["answer"]) == (5, RIGHT)


def test_who_may_not_run_actions_may_not_replay_and_without_a_suite_it_says_so(service, client_of):
    incident = make_incident(service)
    viewer = client_of(Role.VIEWER).post(f"/api/v1/incidents/{incident.number}/replay", content_type="application/json")
    assert viewer.status_code == 403
    answer = client_of(Role.RESPONDER).post(
        f"/api/v1/incidents/{incident.number}/replay", content_type="application/json"
    )
    assert answer.status_code == 409
    assert "TAILWATCH_REPLAY_SUITE" in answer.content.decode()
