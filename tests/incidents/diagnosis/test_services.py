"""Diagnosis with rows: what is stored, what the timeline says, looking again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from incidents.diagnosis import queries, replay, services, shipped
from incidents.diagnosis.replay import Question, ReplayPrompt, Reply
from incidents.diagnosis.view import When
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.runbooks import queries as shelf
from incidents.runbooks.checks import leaves_without_runbook, tree_and_runbooks
from observability.core import permissions
from sloengine.budgets.models import Finding
from sloengine.catalog.models import Change, Deployment, Service
from tests.factories import NOW, make_finding, make_incident, make_organisation, make_service

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def service() -> Service:
    return make_service(make_organisation(), slug="chat")


def quality_finding(service: Service) -> Finding:
    return make_finding(service, evidence={"objective": "answers", "indicator": "quality"})


def kinds(incident: Incident) -> list[str]:
    return [entry.kind for entry in incident.timeline.all() if entry.kind in {"decided", "diagnosed"}]


def test_without_any_evidence_an_incident_is_unexplained_and_says_what_it_cannot_tell(service: Service) -> None:
    incident = make_incident(service)
    found = services.diagnose(incident=incident, now=NOW)
    stored = Incident.objects.get(pk=incident.pk)
    assert (stored.leaf, stored.runbook, stored.tree_version) == ("unexplained", "unexplained", 2)
    assert stored.confidence == found.confidence
    assert stored.diagnosis["branches"] == {"slo": False, "quality": False, "cost": False}
    assert stored.headline.startswith("chat: no branch of the tree")
    assert kinds(stored) == ["decided", "diagnosed"]
    quality = next(node for node in stored.diagnosis["nodes"] if node["id"] == "quality_drop")
    assert "Cannot tell" in quality["evidence"][0]["sentence"]


def test_a_breach_is_told_with_its_objective_and_first_response(service: Service) -> None:
    make_finding(
        service, evidence={"objective": "first-token", "indicator": "ttft", "burn_rate_long": 20.1, "threshold": 14.4}
    )
    incident = make_incident(service)
    services.diagnose(incident=incident, now=NOW)
    decided = incident.timeline.get(kind="decided")
    assert decided.payload["branch"] == "slo"
    assert decided.sentence.startswith("Decided: Protect: tighten admission")
    assert incident.headline.startswith("chat is burning its first-token budget 20.1 times too fast (limit 14.4)")


def test_findings_of_others_and_old_ones_are_no_evidence(service: Service) -> None:
    make_finding(make_service(service.organisation, slug="code"), evidence={"indicator": "ttft"})
    make_finding(make_service(make_organisation(), slug="chat"), evidence={"indicator": "ttft"})
    make_finding(service, evidence={"indicator": "ttft"}, state="cleared", cleared_at=NOW - 6 * MINUTE)
    make_finding(service, evidence={"indicator": "ttft"}, since=NOW + MINUTE)
    assert services.diagnose(incident=make_incident(service), now=NOW).branches["slo"] is False


def test_a_finding_that_cleared_a_minute_ago_is_still_what_it_is_about(service: Service) -> None:
    make_finding(service, evidence={"indicator": "ttft"}, state="cleared", cleared_at=NOW - MINUTE)
    assert services.diagnose(incident=make_incident(service), now=NOW).branches["slo"] is True


def test_an_incident_without_a_service_is_unexplained() -> None:
    incident = make_incident(organisation=make_organisation())
    services.diagnose(incident=incident, now=NOW)
    assert (incident.leaf, incident.diagnosis["branches"]["slo"]) == ("unexplained", "cannot tell")
    assert incident.headline == "No branch of the tree explains what is seen"


def test_only_changes_near_the_start_of_the_impact_count(service: Service) -> None:
    quality_finding(service)
    start = NOW - 3 * MINUTE
    for at in (start - timedelta(hours=3), start + timedelta(minutes=30)):
        Change.objects.create(service=service, kind="deploy", at=at, before={"version": "v0"}, after={"version": "v1"})
    assert services.diagnose(incident=make_incident(service), now=NOW).leaf.id == "quality-drift"
    Change.objects.create(
        service=service, kind="deploy", at=start - MINUTE, before={"version": "v1"}, after={"version": "v2"}
    )
    incident = make_incident(service, group_key="again")
    assert services.diagnose(incident=incident, now=NOW).leaf.id == "quality-regression"
    evidence = next(node for node in incident.diagnosis["nodes"] if node["id"] == "version_changed")["evidence"]
    assert evidence[0]["sentence"].endswith("(deploy v1 to v2 at 09:56, 1 min before it began)")


def test_looking_again_waits_a_minute_and_writes_only_when_the_leaf_changes(service: Service) -> None:
    incident = make_incident(service)
    services.diagnose(incident=incident, now=NOW)
    assert services.diagnose_open(now=NOW + timedelta(seconds=30)) == 0
    quality_finding(service)
    assert services.diagnose_open(now=NOW + timedelta(seconds=40)) == 0
    assert services.diagnose_open(now=NOW + MINUTE) == 1
    assert services.diagnose_open(now=NOW + 2 * MINUTE) == 0
    stored = Incident.objects.get(pk=incident.pk)
    assert stored.leaf == "quality-drift"
    assert kinds(stored) == ["decided", "diagnosed", "diagnosed"]
    last = stored.timeline.filter(kind="diagnosed").last()
    assert last is not None
    assert (last.payload["before"], last.payload["leaf"]) == ("unexplained", "quality-drift")


def test_a_leaf_that_was_found_outlives_its_evidence(service: Service) -> None:
    finding = quality_finding(service)
    incident = make_incident(service)
    services.diagnose(incident=incident, now=NOW)
    finding.delete()
    assert services.diagnose_open(now=NOW + MINUTE) == 0
    assert Incident.objects.get(pk=incident.pk).leaf == "quality-drift"


def test_resolved_old_and_quiet_incidents_are_left_alone(service: Service) -> None:
    incident = make_incident(service)
    services.diagnose(incident=incident, now=NOW)
    assert list(queries.unsettled(now=NOW + MINUTE)) == [incident]
    assert list(queries.unsettled(now=NOW + timedelta(hours=2))) == []
    Incident.objects.filter(pk=incident.pk).update(quiet_since=NOW)
    assert list(queries.unsettled(now=NOW + MINUTE)) == []
    Incident.objects.filter(pk=incident.pk).update(quiet_since=None)
    response.resolve(incident=incident, actor=permissions.system(incident.organisation), now=NOW)
    assert list(queries.unsettled(now=NOW + MINUTE)) == []


class SlowReplayer:
    """Worse answers from v2; takes its time."""

    instant = False

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def suite(self, service: str) -> Sequence[ReplayPrompt]:
        return [
            ReplayPrompt("facts", f"Question {number}", ("Paris is the capital of France.",)) for number in range(20)
        ]

    def ask(self, service: str, questions: Sequence[Question]) -> Sequence[Reply]:
        self.asked += [asked.version for asked in questions]
        return [
            Reply("Paris is the capital of France." if asked.version == "v1" else "It may be Lyon.")
            for asked in questions
        ]


@pytest.fixture
def slow_replayer() -> Iterator[SlowReplayer]:
    replayer = SlowReplayer()
    replay.register(replayer)
    yield replayer
    replay.unregister()


def waiting_incident(service: Service) -> Incident:
    """A drop in quality after a deploy, looked at once: the replay is yet to come."""
    quality_finding(service)
    for number, version in enumerate(("v1", "v2")):
        Deployment.objects.create(
            service=service, version=version, seen_from=NOW - (2 - number) * MINUTE, seen_until=NOW
        )
    Change.objects.create(
        service=service, kind="deploy", at=NOW - 3 * MINUTE, before={"version": "v1"}, after={"version": "v2"}
    )
    incident = make_incident(service)
    services.diagnose(incident=incident, now=NOW)
    return incident


def test_a_replay_that_takes_time_runs_beside_the_looks_and_joins_with_the_next(
    service: Service, slow_replayer: SlowReplayer
) -> None:
    incident = waiting_incident(service)
    before = incident.confidence
    services.diagnose_open(now=NOW + MINUTE)
    assert slow_replayer.asked == []
    assert Incident.objects.get(pk=incident.pk).diagnosis["replay"]["pending"] is True
    assert services.replay_due(now=NOW + MINUTE) == 1
    assert set(slow_replayer.asked) == {"v1", "v2"}
    services.diagnose_open(now=NOW + MINUTE + timedelta(seconds=15))
    stored = Incident.objects.get(pk=incident.pk)
    assert stored.diagnosis["replay"]["pending"] is False
    assert stored.diagnosis["replay"]["slices"][0]["verdict"] == "worse"
    assert "replay=worse" in stored.diagnosis["path"]
    node = next(one for one in stored.diagnosis["nodes"] if one["id"] == "replay")
    assert node["evidence"][0]["sentence"].endswith("(facts; v2 against v1, both asked)")
    assert before is not None
    assert stored.confidence is not None
    assert stored.confidence > before
    slow_replayer.asked.clear()
    services.diagnose_open(now=NOW + 3 * MINUTE)
    assert services.replay_due(now=NOW + 3 * MINUTE) == 0
    assert slow_replayer.asked == []


def test_a_replay_is_claimed_and_looks_meanwhile_do_not_lose_it(
    service: Service, slow_replayer: SlowReplayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = waiting_incident(service)
    seen: list[int] = []

    def ask(service_slug: str, questions: Sequence[Question]) -> Sequence[Reply]:
        seen.append(services.replay_due(now=NOW + MINUTE))  # another worker
        services.diagnose_open(now=NOW + MINUTE)
        return [Reply("Paris is the capital of France.") for _ in questions]

    monkeypatch.setattr(slow_replayer, "ask", ask)
    assert services.replay_due(now=NOW + timedelta(seconds=15)) == 1
    assert seen == [0]
    services.diagnose_open(now=NOW + 2 * MINUTE)
    stored = Incident.objects.get(pk=incident.pk)
    assert (stored.leaf, stored.diagnosis["replay"]["slices"][0]["verdict"]) == ("quality-drift", "same")
    assert stored.diagnosis["replay"]["note"] == "v2 against v1, both asked"


def test_a_claim_whose_worker_died_is_taken_over(service: Service, slow_replayer: SlowReplayer) -> None:
    incident = waiting_incident(service)
    incident.diagnosis["replay"]["claimed_at"] = NOW.isoformat()
    incident.save(update_fields=["diagnosis"])
    assert services.replay_due(now=NOW + 3 * MINUTE) == 0
    assert services.replay_due(now=NOW + 5 * MINUTE) == 1


def test_a_replay_that_fails_is_an_answer_with_its_reason(
    service: Service,
    slow_replayer: SlowReplayer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incident = waiting_incident(service)

    def ask(service_slug: str, questions: Sequence[Question]) -> Sequence[Reply]:
        raise RuntimeError("no thread")

    monkeypatch.setattr(slow_replayer, "ask", ask)
    assert services.replay_due(now=NOW + MINUTE) == 1
    services.diagnose_open(now=NOW + MINUTE)
    stored = Incident.objects.get(pk=incident.pk)
    assert stored.diagnosis["replay"]["pending"] is False
    assert stored.diagnosis["replay"]["reason"] == "the replay suite failed: RuntimeError: no thread"
    assert "the replay suite of chat failed" in caplog.text


def test_every_leaf_has_its_runbook() -> None:
    assert tree_and_runbooks(None) == []
    books = [book.runbook for book in shelf.shipped().values()]
    missing = [book for book in books if book.slug != "traffic-spike"]
    ids = [(message.id, message.msg.split("'")[1]) for message in leaves_without_runbook(shipped.tree(), missing)]
    assert ids == [("incidents.E002", "traffic-spike")]


def test_the_windows_around_an_impact() -> None:
    early = queries.periods(impact_started_at=NOW, now=NOW + timedelta(seconds=20))
    assert early[When.NOW].seconds == 60
    later = queries.periods(impact_started_at=NOW, now=NOW + timedelta(seconds=150))
    assert (later[When.NOW].start, later[When.NOW].seconds) == (NOW, 150)
    late = queries.periods(impact_started_at=NOW, now=NOW + timedelta(hours=1))
    assert late[When.NOW].seconds == 300
    assert (late[When.BEFORE].end, late[When.BEFORE].seconds) == (NOW - MINUTE, 3600)


def test_looking_at_an_incident_costs_few_queries(service: Service, django_assert_max_num_queries: object) -> None:
    quality_finding(service)
    incident = make_incident(service)
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        services.diagnose(incident=incident, now=NOW)
