"""A run from proposal to record: who may, what leaves, and what a lost worker leaves behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from incidents.actions import services as actions
from incidents.actions.executors import base
from incidents.actions.models import ActionRun, ActionSecret
from incidents.paging import signature
from incidents.response import services as response
from incidents.response.models import Incident, TimelineEntry
from incidents.response.severity import Severity
from observability.core import outbound, permissions
from observability.core.models import AuditEntry, Role
from observability.core.permissions import NotAllowed
from observability.core.refusals import Refused
from tests import factories
from tests.conftest import NOW
from tests.incidents.actions.conftest import SECRET, Acme

LATER = NOW + timedelta(seconds=30)


def kinds(incident: Incident) -> list[str]:
    rows = TimelineEntry.objects.filter(incident=incident, kind__startswith="action_").order_by("at", "pk")
    return list(rows.values_list("kind", flat=True))


def test_off_until_somebody_turns_them_on(acme: Acme) -> None:
    actions.turn(organisation=acme.organisation, on=False, actor=acme.by(acme.ana), now=NOW)
    with pytest.raises(Refused, match="Actions are off"):
        acme.propose()


def test_an_order_leaves_signed_with_its_key_once_it_is_approved_by_another(acme: Acme) -> None:
    run = acme.propose()
    assert actions.run_due(now=NOW) == 0
    actions.approve(run=run, actor=acme.by(acme.cleo), now=NOW, go=True)
    assert actions.run_due(now=LATER) == 1
    (sent,) = acme.gateway.requests
    assert sent.path == "/control/chat"
    assert sent.headers["idempotency-key"] == run.key == sent.json["key"]
    assert (sent.json["action"], sent.json["parameters"]) == ("tighten_admission", {"limits": {"live": 90, "bulk": 5}})
    header = sent.headers[signature.HEADER.lower()]
    assert signature.verify(secret=SECRET, body=sent.body, header=header, now=int(LATER.timestamp())) == "good"
    run.refresh_from_db()
    assert (run.state, run.attempts, run.done_at, run.in_flight) == ("done", 1, LATER, False)
    assert kinds(acme.incident) == ["action_proposed", "action_approved", "action_ran"]
    assert AuditEntry.objects.filter(object_kind="incidents.ActionRun", object_id=str(run.pk)).count() == 5
    assert actions.run_due(now=LATER + timedelta(minutes=5)) == 0


def test_who_asked_may_not_approve_and_responders_may_not_approve_at_all(acme: Acme) -> None:
    run = acme.propose(by=acme.cleo)
    with pytest.raises(Refused, match="Who asked for it may not approve it"):
        actions.approve(run=run, actor=acme.by(acme.cleo), now=NOW)
    with pytest.raises(NotAllowed):
        actions.approve(run=run, actor=acme.by(acme.bob), now=NOW)


def test_two_approvals_are_two_people(acme: Acme) -> None:
    acme.bind(approvals=2)
    run = acme.propose()
    run = actions.approve(run=run, actor=acme.by(acme.cleo), now=NOW, go=True)
    assert run.state == "proposed"
    with pytest.raises(Refused, match="approved it already"):
        actions.approve(run=run, actor=acme.by(acme.cleo), now=NOW)
    with pytest.raises(Refused, match="not approved by enough people: 1 of 2"):
        actions.start(run=run, actor=acme.by(acme.bob), now=NOW)
    assert actions.approve(run=run, actor=acme.by(acme.dan), now=NOW).state == "approved"
    assert actions.start(run=run, actor=acme.by(acme.bob), now=NOW).state == "started"


def test_in_sev1_the_commander_neither_approves_nor_runs(acme: Acme) -> None:
    run = acme.propose()
    Incident.objects.filter(pk=acme.incident.pk).update(commander=acme.cleo, severity=Severity.SEV1)
    with pytest.raises(Refused, match="the commander runs no actions"):
        actions.approve(run=run, actor=acme.by(acme.cleo), now=NOW)
    actions.approve(run=run, actor=acme.by(acme.dan), now=NOW)
    with pytest.raises(Refused, match="the commander runs no actions"):
        actions.start(run=run, actor=acme.by(acme.cleo), now=NOW)


def test_the_kill_switch_holds_what_was_started_and_only_an_administrator_takes_it_back(acme: Acme) -> None:
    run = acme.started()
    actions.stop(organisation=acme.organisation, actor=acme.by(acme.bob), now=NOW)
    with pytest.raises(NotAllowed):
        actions.resume(organisation=acme.organisation, actor=acme.by(acme.bob), now=NOW)
    assert actions.run_due(now=LATER) == 0
    run.refresh_from_db()
    assert (run.state, acme.gateway.requests) == ("refused", [])
    assert run.reason == "all actions were stopped by the kill switch"
    assert kinds(acme.incident)[-1] == "action_refused"
    actions.resume(organisation=acme.organisation, actor=acme.by(acme.ana), now=NOW)
    assert acme.started(now=LATER).state == "started"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"only_if": '["queue_share > 50 %"]'}, "nobody can tell whether its condition still holds"),
        ({"only_if": '["page_breaches > 0 count"]'}, "its condition does not hold any more"),
    ],
)
def test_the_condition_is_asked_again_at_the_moment_of_acting(acme: Acme, given: dict[str, str], why: str) -> None:
    acme.bind(**given)
    run = acme.started()
    assert actions.run_due(now=LATER) == 0
    run.refresh_from_db()
    assert (run.state, run.reason.partition(":")[0]) == ("refused", why)
    assert acme.gateway.requests == []


def test_an_incident_that_ended_and_advice_that_changed_refuse_what_was_started(acme: Acme) -> None:
    run = acme.started()
    Incident.objects.filter(pk=acme.incident.pk).update(leaf="runaway-tenant")
    actions.run_due(now=LATER)
    run.refresh_from_db()
    assert (run.state, run.reason) == ("refused", "it is not offered any more: does not help on runaway-tenant")
    acme.incident.refresh_from_db()
    with pytest.raises(Refused, match="Does not help on runaway-tenant"):
        acme.propose()
    response.resolve(incident=acme.incident, actor=acme.by(acme.bob), now=NOW)
    acme.incident.refresh_from_db()
    with pytest.raises(Refused, match="The incident is over"):
        acme.propose()


def test_cool_down_and_rate_hold_the_next_run(acme: Acme) -> None:
    acme.bind(cool_down="10m", at_most="{runs: 1, in: 1h}")
    acme.started()
    actions.run_due(now=LATER)
    for after, why in ((timedelta(minutes=5), "it ran too recently"), (timedelta(minutes=20), "it ran too often")):
        run = acme.started(now=LATER + after)
        actions.run_due(now=LATER + after)
        run.refresh_from_db()
        assert run.reason.startswith(why)
    assert len(acme.gateway.requests) == 1


def test_what_is_under_way_is_asked_how_far_it_is_with_the_same_key(acme: Acme) -> None:
    run = acme.started()
    for _ in range(5):
        acme.gateway.answer(200, b'{"state": "running", "detail": "half"}')
    for step in range(6):
        actions.run_due(now=LATER + timedelta(seconds=10 * step))
    run.refresh_from_db()
    assert (run.state, run.attempts, len(acme.gateway.requests)) == ("done", 1, 6)
    assert {request.headers["idempotency-key"] for request in acme.gateway.requests} == {run.key}


@pytest.mark.parametrize(
    ("status", "kind", "state", "again"),
    [
        (409, "webhook", "failed", False),
        (503, "webhook", "running", True),
        (503, "github", "running", True),
        (500, "webhook", "running", True),
        (500, "github", "unknown", False),
    ],
)
def test_an_answer_is_repeated_only_where_that_cannot_do_it_twice(
    acme: Acme, status: int, kind: str, state: str, again: bool
) -> None:
    acme.bind(kind=kind)
    run = acme.started()
    acme.gateway.answer(status, b'{"error": "no such tag"}')
    actions.run_due(now=LATER)
    run.refresh_from_db()
    assert run.state == state
    assert "no such tag" in run.reason
    actions.run_due(now=LATER + timedelta(seconds=10))
    assert len(acme.gateway.requests) == (2 if again else 1)


class WorkerDied(BaseException):
    """What kills a worker is no Exception."""


@pytest.mark.parametrize(("kind", "state", "sent"), [("webhook", "done", 2), ("github", "unknown", 1)])
def test_a_worker_that_dies_between_acting_and_writing_it_down_is_seen(
    acme: Acme, kind: str, state: str, sent: int
) -> None:
    acme.bind(kind=kind)
    run = acme.started()

    def die_after_sending(**request: Any) -> outbound.Answer:
        outbound.post(**request)
        raise WorkerDied

    base.use(die_after_sending)
    try:
        with pytest.raises(WorkerDied):
            actions.run_due(now=LATER)
    finally:
        base.use(None)
    run.refresh_from_db()
    assert (run.state, run.in_flight, len(acme.gateway.requests)) == ("running", True, 1)
    assert actions.run_due(now=LATER + timedelta(seconds=30)) == 0  # its lease still holds
    actions.run_due(now=LATER + timedelta(seconds=61))
    run.refresh_from_db()
    assert (run.state, len(acme.gateway.requests)) == (state, sent)
    assert {request.headers.get("idempotency-key") for request in acme.gateway.requests} <= {run.key, None}
    if state == "unknown":
        assert "look whether it happened" in run.reason
        other = acme.started(now=LATER + timedelta(minutes=15))
        actions.run_due(now=LATER + timedelta(minutes=15))
        other.refresh_from_db()
        assert other.reason.startswith("another action of this service is under way")
        settled = actions.settle(run=run, happened=True, actor=acme.by(acme.bob), now=LATER + timedelta(minutes=16))
        assert (settled.state, settled.reason) == ("done", "bob looked: it happened")


def test_a_rehearsal_tells_the_executor_to_change_nothing_and_needs_no_incident(acme: Acme) -> None:
    actions.turn(organisation=acme.organisation, on=False, actor=acme.by(acme.ana), now=NOW)
    run = actions.rehearse(service=acme.service, action="tighten_admission", actor=acme.by(acme.ana), now=NOW)
    actions.run_due(now=LATER)
    run.refresh_from_db()
    assert (run.state, acme.gateway.requests[0].json["dry_run"]) == ("done", True)
    with pytest.raises(NotAllowed):
        actions.rehearse(service=acme.service, action="tighten_admission", actor=acme.by(acme.bob), now=NOW)


def test_what_was_done_is_taken_back_by_hand_or_after_its_time(acme: Acme) -> None:
    acme.bind(undo_after="30m")
    run = acme.started()
    actions.run_due(now=LATER)
    actions.run_due(now=LATER + timedelta(minutes=29))
    assert len(acme.gateway.requests) == 1
    run.refresh_from_db()
    actions.undo(run=run, actor=acme.by(acme.bob), now=LATER + timedelta(minutes=10))
    actions.run_due(now=LATER + timedelta(minutes=10))
    actions.run_due(now=LATER + timedelta(minutes=31))
    assert [request.json.get("undo") for request in acme.gateway.requests] == [None, run.key]
    with pytest.raises(Refused, match="nothing that could be taken back"):
        actions.undo(run=run, actor=acme.by(acme.bob), now=LATER)


def test_what_did_not_help_is_told_with_numbers_and_taken_back(acme: Acme) -> None:
    acme.bind(verify='{expect: ["page_breaches < 0 count"], within: 5m, otherwise: undo}')
    run = acme.started()
    actions.run_due(now=LATER)
    assert actions.verify_due(now=LATER + timedelta(minutes=1)) == 0
    assert actions.verify_due(now=LATER + timedelta(minutes=5)) == 1
    run.refresh_from_db()
    assert (run.state, kinds(acme.incident)[-1]) == ("not_verified", "action_verified")
    assert run.reason.startswith("not within 5 min: 0 objectives")
    actions.run_due(now=LATER + timedelta(minutes=6))
    assert acme.gateway.requests[-1].json["undo"] == run.key


def test_what_helped_mitigates_an_incident_that_somebody_is_on(acme: Acme) -> None:
    response.acknowledge(incident=acme.incident, actor=acme.by(acme.bob), now=NOW)
    acme.bind(verify='{expect: ["page_breaches < 1 count"], within: 5m}')
    run = acme.started()
    actions.run_due(now=LATER)
    assert actions.verify_due(now=LATER + timedelta(minutes=2)) == 1
    run.refresh_from_db()
    acme.incident.refresh_from_db()
    assert (run.state, acme.incident.state) == ("verified", "mitigated")
    assert run.evidence == ["0 objectives of availability or speed are in page-tier breach"]


def test_only_what_a_binding_says_is_proposed_by_itself_and_once(acme: Acme) -> None:
    assert actions.propose_due(now=NOW) == 0
    acme.bind(propose="by_itself")
    assert actions.propose_due(now=NOW) == 1
    assert actions.propose_due(now=LATER) == 0
    run = ActionRun.objects.get()
    assert (run.requested_by, run.because) == (None, "helps on traffic-spike")
    actions.refuse(run=run, actor=acme.by(acme.bob), now=LATER, reason="it is a test")
    assert actions.propose_due(now=LATER) == 0


def test_a_bad_document_is_refused_whole_and_the_last_good_one_stays(acme: Acme) -> None:
    text = acme.document().replace("chat", "nobody").replace("secret: gateway", "secret: lost")
    with pytest.raises(actions.DocumentUnusable) as refused:
        actions.set_document(organisation=acme.organisation, text=text, actor=acme.by(acme.ana), now=NOW)
    assert [(problem.line, problem.expected) for problem in refused.value.problems] == [
        (4, "one of chat"),
        (2, "one of gateway"),
    ]
    assert acme.propose().bound.service == "chat"


def test_a_secret_is_encrypted_never_sent_and_not_forgotten_while_it_is_used(acme: Acme) -> None:
    secret = ActionSecret.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM incidents_actionsecret")
        assert SECRET not in cursor.fetchone()[0]
    with pytest.raises(Refused, match="The executor gateway uses gateway"):
        actions.forget_secret(secret=secret, actor=acme.by(acme.ana), now=NOW)
    acme.started()
    actions.run_due(now=LATER)
    assert SECRET.encode() not in acme.gateway.requests[0].body
    assert SECRET not in str(list(AuditEntry.objects.values_list("payload", flat=True)))


def test_another_organisations_run_is_refused(acme: Acme) -> None:
    run = acme.propose()
    other = factories.make_organisation("other")
    stranger = factories.make_user(other, role=Role.ADMIN)
    with pytest.raises(NotAllowed):
        actions.approve(run=run, actor=permissions.of(stranger, other), now=NOW)


def test_idle_beats_ask_one_short_question_each(acme: Acme, django_assert_num_queries) -> None:
    for beat in (actions.run_due, actions.verify_due, actions.propose_due):
        with django_assert_num_queries(1):
            beat(now=NOW)
