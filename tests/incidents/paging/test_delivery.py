from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.paging import queries, services
from incidents.paging.models import Delivery, EscalationStep, Page, PagerEndpoint
from incidents.paging.pagers import outbox
from incidents.paging.services import auditor
from incidents.paging.signature import SignatureVerdict, verify
from incidents.response import services as response
from incidents.response.models import Incident
from incidents.response.severity import Severity
from observability.core import outbound, permissions
from observability.core.models import Organisation
from observability.local_pager import LocalPager
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.conftest import World


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_page_reaches_the_receiver_signed_and_is_written_down(world: World) -> None:
    incident = world.incident()
    assert services.deliver_due(now=NOW) == 1
    (received,) = world.phone_of_ana.received
    secret = PagerEndpoint.objects.get(user=world.ana).secret
    header = received.headers["x-tailwatch-signature"]
    good = verify(secret=secret, body=received.body, header=header, now=int(NOW.timestamp()))
    assert good is SignatureVerdict.GOOD
    assert received.message["dedup_key"] == "tailwatch-acme-INC-1"
    assert received.headers["idempotency-key"] == f"tailwatch-acme-INC-1-{received.message['page']}"
    assert (received.message["kind"], received.message["repeated"], received.message["attempt"]) == ("opened", False, 1)
    assert received.message["links"]["acknowledge"].startswith("http://127.0.0.1:8000/ack/")
    page = Page.objects.get()
    assert (page.state, page.attempts, page.recorded, page.lease_until) == (Page.State.SENT, 1, 1, None)
    delivery = Delivery.objects.get()
    assert (delivery.outcome, delivery.status_code, delivery.repeated) == (Delivery.Outcome.ACCEPTED, 200, False)
    incident.refresh_from_db()
    assert incident.first_paged_at is not None
    assert NOW <= incident.first_paged_at < at(5)
    assert "Paged Ana through Phone (first responder)" in [entry.sentence for entry in incident.timeline.all()]


def test_sent_once_it_is_not_sent_again(world: World) -> None:
    world.incident()
    for second in range(3):
        services.deliver_due(now=at(second))
    assert len(world.phone_of_ana.messages) == 1


def test_a_receiver_that_restarts_gets_the_page_by_the_schedule(world: World) -> None:
    with LocalPager(answers=(503, 429)) as busy:
        PagerEndpoint.objects.filter(user=world.ana).update(url=busy.url)
        world.incident()
        tries = [services.deliver_due(now=at(second)) for second in (0, 4, 6, 20, 23)]
        assert tries == [1, 0, 1, 0, 1]
        assert [message["attempt"] for message in busy.messages] == [1, 2, 3]
        # A refused copy has not arrived: none of them is a repetition.
        assert [message["repeated"] for message in busy.messages] == [False, False, False]
    outcomes = Delivery.objects.order_by("attempt").values_list("outcome", "status_code")
    assert list(outcomes) == [("try_again", 503), ("try_again", 429), ("accepted", 200)]


def test_a_copy_after_silence_says_repeated_under_the_same_key(world: World) -> None:
    world.incident()
    bodies = []

    def hangs_once(**request) -> outbound.Answer:
        bodies.append(request["body"])
        if len(bodies) == 1:
            raise outbound.OutboundError("phone did not answer: timed out", permanent=False, sent=True)
        return outbound.post(**request)

    services.deliver_due(now=NOW, transport=hangs_once)
    services.deliver_due(now=at(10), transport=hangs_once)
    (message,) = world.phone_of_ana.messages
    assert (message["repeated"], message["attempt"], message["dedup_key"]) == (True, 2, "tailwatch-acme-INC-1")
    assert list(Delivery.objects.order_by("attempt").values_list("outcome", "repeated")) == [
        ("unknown", False),
        ("accepted", True),
    ]


def test_a_worker_that_dies_before_it_writes_the_answer_down(world: World) -> None:
    world.incident()
    copies = outbox.claim(now=NOW)  # and here it dies
    assert services.deliver_due(now=at(60)) == 0
    assert services.deliver_due(now=NOW + outbox.LEASE) == 1
    (message,) = world.phone_of_ana.messages
    assert (message["repeated"], message["attempt"], message["page"]) == (True, 2, copies[0].page.pk)
    assert message["dedup_key"] == copies[0].page.dedup_key
    assert list(Delivery.objects.order_by("attempt").values_list("outcome", flat=True)) == ["lost", "accepted"]


def test_a_worker_that_was_only_slow_may_still_write_its_answer_down(world: World) -> None:
    world.incident()
    (slow,) = outbox.claim(now=NOW)
    (second,) = outbox.claim(now=NOW + outbox.LEASE)
    ((_, outcome, seconds),) = outbox.send_all([slow], transport=outbound.post)
    outbox.record(copy=slow, outcome=outcome, seconds=seconds, now=NOW + outbox.LEASE)
    assert Page.objects.get().state == Page.State.SENT
    outbox.record(copy=second, outcome=outcome, seconds=seconds, now=NOW + outbox.LEASE)
    assert Page.objects.get().state == Page.State.SENT
    assert services.deliver_due(now=NOW + 3 * outbox.LEASE) == 0


def test_a_refusal_is_final_and_the_next_person_is_told_at_once(world: World) -> None:
    with LocalPager(answers=(404,)) as gone:
        PagerEndpoint.objects.filter(user=world.ana).update(url=gone.url)
        incident = world.incident()
        services.deliver_due(now=NOW)
    page = Page.objects.get()
    assert page.state == Page.State.FAILED
    assert page.closed_reason.startswith("the receiver refuses it for good: answered 404")
    services.escalate_due(now=at(5))
    services.deliver_due(now=at(5))
    assert [message["reason"] for message in world.phone_of_ben.messages] == ["the last message could not be delivered"]
    sentences = [entry.sentence for entry in incident.timeline.all()]
    assert any(sentence.startswith("Not delivered to Ana: the receiver refuses") for sentence in sentences)


def test_after_an_hour_without_success_it_is_failed(world: World) -> None:
    PagerEndpoint.objects.filter(user=world.ana).update(url="http://127.0.0.1:9/")
    world.incident()
    for second in range(0, 3700, 60):
        services.deliver_due(now=at(second))
    page = Page.objects.get()
    assert (page.state, page.closed_reason.split(":")[0]) == (Page.State.FAILED, "given up")
    assert page.deliveries.count() == page.attempts > 20


def test_a_private_address_is_refused_in_words(world: World, settings) -> None:
    settings.TAILWATCH_ALLOW_PRIVATE_OUTBOUND = []
    world.incident()
    services.deliver_due(now=NOW)
    assert "private address" in Page.objects.get().closed_reason


def test_an_unreadable_secret_fails_its_own_page_only(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_pagerendpoint SET secret = 'nonsense' WHERE user_id = %s", [world.ana.pk])
    world.incident()
    services.deliver_due(now=NOW)
    assert "another SECRET_KEY" in Page.objects.get().closed_reason
    services.escalate_due(now=at(1))
    services.deliver_due(now=at(1))
    assert len(world.phone_of_ben.messages) == 1


def test_nobody_answers_so_it_goes_to_the_next_and_from_the_top_again(world: World) -> None:
    incident = world.incident()
    for minute in range(25):
        services.escalate_due(now=at(60 * minute))
        services.deliver_due(now=at(60 * minute))
    assert [message["reason"] for message in world.phone_of_ana.messages] == [
        "first responder",
        "nobody answered, from the top again",
    ]
    assert [message["reason"] for message in world.phone_of_ben.messages] == [
        "nobody answered",
        "nobody answered, from the top again",
    ]
    assert "Not delivered to anyone: everyone was told" in [entry.sentence for entry in incident.timeline.all()]


def test_an_answer_ends_escalation_and_a_resolution_is_told_to_those_who_were_paged(world: World) -> None:
    incident = world.incident()
    services.deliver_due(now=NOW)
    actor = permissions.of(world.ana, world.organisation)
    response.acknowledge(incident=incident, actor=actor, now=at(60))
    for minute in range(30):
        services.escalate_due(now=at(60 * minute))
        services.deliver_due(now=at(60 * minute))
    assert world.phone_of_ben.messages == []
    response.resolve(incident=incident, actor=actor, now=at(2000))
    services.deliver_due(now=at(2000))
    opened, resolved = world.phone_of_ana.messages
    assert (resolved["kind"], resolved["dedup_key"]) == ("resolved", opened["dedup_key"])
    assert resolved["links"]["acknowledge"] is None
    assert resolved["incident"]["state"] == "resolved"
    assert resolved["text"].startswith("Resolved: SEV2 INC-1")
    assert world.phone_of_ben.messages == []


def test_what_was_answered_before_it_left_is_never_sent(world: World) -> None:
    incident = world.incident()
    actor = permissions.of(world.ana, world.organisation)
    response.acknowledge(incident=incident, actor=actor, now=NOW)
    services.deliver_due(now=NOW)
    response.resolve(incident=incident, actor=actor, now=at(10))
    services.deliver_due(now=at(10))
    assert world.phone_of_ana.messages == []


def test_an_answer_while_the_page_is_on_its_way(world: World) -> None:
    incident = world.incident()
    (copy,) = outbox.claim(now=NOW)
    response.acknowledge(incident=incident, actor=permissions.of(world.ben, world.organisation), now=NOW)
    for _, outcome, seconds in outbox.send_all([copy], transport=outbound.post):
        outbox.record(copy=copy, outcome=outcome, seconds=seconds, now=NOW)
    # It arrived: that is what the row says, and that Ana hears when it is over follows from it.
    assert Page.objects.get().state == Page.State.SENT
    response.resolve(incident=incident, actor=permissions.of(world.ben, world.organisation), now=at(9))
    services.deliver_due(now=at(9))
    assert [message["kind"] for message in world.phone_of_ana.messages] == ["opened", "resolved"]


def test_a_severity_that_rises_is_told_to_those_who_were_paged(world: World) -> None:
    incident = world.incident()
    services.deliver_due(now=NOW)
    actor = permissions.of(world.ana, world.organisation)
    response.acknowledge(incident=incident, actor=actor, now=at(5))
    response.change_severity(incident=incident, severity=Severity.SEV1, actor=actor, now=at(10))
    services.deliver_due(now=at(10))
    assert [(m["kind"], m["incident"]["severity"]) for m in world.phone_of_ana.messages] == [
        ("opened", 2),
        ("raised", 1),
    ]


def test_without_a_policy_the_timeline_says_that_nobody_is_on_call(db: None) -> None:
    incident = response.page(
        incident=factories.make_incident(factories.make_service(factories.make_organisation())), now=NOW
    )
    assert [entry.sentence for entry in incident.timeline.all()][-1] == "Not delivered to anyone: nobody is on call"
    assert services.audit_pages(now=at(3600)).clean


def test_who_has_no_pager_is_skipped_at_once(world: World) -> None:
    PagerEndpoint.objects.filter(user=world.ana).update(enabled=False)
    incident = world.incident()
    services.deliver_due(now=NOW)
    assert [message["recipient"] for message in world.phone_of_ben.messages] == ["Ben"]
    assert "Not delivered to Ana: this person has no pager" in [entry.sentence for entry in incident.timeline.all()]


def test_a_team_where_nobody_has_a_pager_comes_to_an_end(world: World) -> None:
    PagerEndpoint.objects.update(enabled=False)
    incident = world.incident()
    assert incident.escalation_steps.filter(state=EscalationStep.State.DONE).count() == 4
    failed = [entry.sentence for entry in incident.timeline.filter(kind="delivery_failed")]
    assert failed == [
        "Not delivered to Ana: this person has no pager",
        "Not delivered to Ben: this person has no pager",
        "Not delivered to anyone: everyone was told",
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_many_pages_cost_as_many_sendings_and_are_all_written_down(world: World, count: int) -> None:
    incidents = [world.incident() for _ in range(count)]
    assert services.deliver_due(now=NOW) == count
    assert len(world.phone_of_ana.messages) == count
    assert Page.objects.filter(state=Page.State.SENT).count() == len(incidents)


def test_a_quiet_beat_costs_one_query_each(world: World) -> None:
    world.incident()
    services.deliver_due(now=NOW)
    for service in (services.deliver_due, services.escalate_due):
        with CaptureQueriesContext(connection) as counted:
            service(now=at(1))
        assert len(counted) == 1


def test_the_auditor_is_clean_while_things_happen_in_time(world: World) -> None:
    world.incident()
    assert services.audit_pages(now=at(60)).clean
    services.deliver_due(now=at(60))
    assert services.audit_pages(now=at(200)).clean


def test_the_auditor_finds_what_stands_still_and_takes_overdue_steps(world: World) -> None:
    world.incident()
    report = services.audit_pages(now=at(600))
    assert (report.overdue_pages, report.overdue_steps, report.mended) == (1, 1, 1)
    state = queries.outbox(now=at(600))
    assert (state.pending, state.overdue_pages, state.oldest_due_seconds) == (2, 1, 600)


def test_the_auditor_continues_an_escalation_that_lost_its_next_step(world: World) -> None:
    incident = world.incident()
    services.deliver_due(now=NOW)
    EscalationStep.objects.filter(state=EscalationStep.State.PENDING).delete()
    report = services.audit_pages(now=at(400))
    assert (report.lost_escalations, report.mended) == (1, 1)
    services.deliver_due(now=at(400))
    assert [message["reason"] for message in world.phone_of_ben.messages] == ["nobody answered"]
    assert queries.stuck_escalations().count() == 0
    assert incident.escalation_steps.count() == 3


def test_the_auditor_takes_a_flood_in_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor, "MENDED_AT_ONCE", 2)
    for _ in range(3):
        world.incident()
    services.deliver_due(now=NOW)
    EscalationStep.objects.filter(state=EscalationStep.State.PENDING).delete()
    mended = [services.audit_pages(now=at(400 + 60 * look)).mended for look in range(2)]
    assert mended == [2, 1]
    assert queries.stuck_escalations().count() == 0


def test_lists_show_pages_with_their_tries_at_a_constant_number_of_queries(world: World) -> None:
    counts = []
    for _ in range(2):
        for _ in range(2):
            world.incident()
        services.deliver_due(now=NOW)
        with CaptureQueriesContext(connection) as counted:
            rows = [
                (str(page.user), page.endpoint.name, page.incident.name, len(page.deliveries.all()))
                for page in queries.pages(organisation=world.organisation)
            ]
        assert all(row[:2] == ("Ana", "Phone") and row[3] == 1 for row in rows)
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_the_policy_of_the_service_goes_before_the_teams_and_the_organisations(world: World) -> None:
    organisation: Organisation = world.organisation
    team = factories.make_team(organisation)
    service = factories.make_service(organisation, team=team)

    def first_told() -> str:
        incident: Incident = response.page(incident=factories.make_incident(service), now=NOW)
        return str(incident.escalation["steps"][0]["targets"][0]["name"])

    assert first_told() == "Ana"
    factories.make_policy(organisation, world.ben, team=team)
    assert first_told() == "Ben"
    factories.make_policy(organisation, world.ana, world.ben, service=service)
    assert first_told() == "Ana"


def test_an_end_that_was_not_the_end_is_not_announced(world: World) -> None:
    incident = world.incident()
    services.deliver_due(now=NOW)
    actor = permissions.of(world.ana, world.organisation)
    response.resolve(incident=incident, actor=actor, now=at(10))
    response.reopen(incident=incident, actor=actor, now=at(10))
    services.deliver_due(now=at(10))
    assert [message["kind"] for message in world.phone_of_ana.messages] == ["opened", "opened"]


def test_a_severity_that_falls_and_rises_again_is_told_again(world: World) -> None:
    incident = world.incident()
    services.deliver_due(now=NOW)
    actor = permissions.of(world.ana, world.organisation)
    incident = response.take_command(incident=incident, actor=actor, now=NOW)
    for second, severity in ((1, Severity.SEV1), (2, Severity.SEV3), (3, Severity.SEV1)):
        response.change_severity(incident=incident, severity=severity, actor=actor, now=at(second))
        services.deliver_due(now=at(second))
    assert [message["kind"] for message in world.phone_of_ana.messages] == ["opened", "raised", "raised"]


def test_a_reason_that_is_too_long_is_cut_and_both_tries_are_written_down(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        world.incident()
    first = Page.objects.order_by("pk")[0]

    def vanishing(**request) -> outbound.Answer:
        if b'"page": %d,' % first.pk in request["body"]:
            raise outbound.OutboundError("x" * 2000, permanent=True, sent=False)
        return outbound.post(**request)

    # The reason is longer than its column would hold: it is cut, and both tries are written down.
    assert services.deliver_due(now=NOW, transport=vanishing) == 2
    assert sorted(Page.objects.values_list("state", flat=True)) == ["failed", "sent"]
    assert "could not be written down" not in caplog.text


def test_a_policy_that_is_edited_does_not_change_a_running_escalation(world: World) -> None:
    world.incident()
    factories.make_policy(world.organisation, world.ana, after_seconds=30)
    assert services.escalate_due(now=at(60)) == 0
    assert services.escalate_due(now=at(300)) == 1
    assert Page.objects.filter(user=world.ben).exists()
