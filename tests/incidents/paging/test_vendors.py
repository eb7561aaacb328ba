"""Each vendor gets what its interface asks for, over a real connection, and its answers are understood."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest

from incidents.paging import services
from incidents.paging.endpoints import services as endpoints
from incidents.paging.endpoints.services import Entered
from incidents.paging.models import Delivery, Page, PagerEndpoint
from incidents.response import services as response
from observability.core import permissions
from tests import factories
from tests.factories import NOW
from tests.incidents.paging.conftest import World
from tests.incidents.paging.vendors import MailServer, Vendor, mail_server, vendor

pytestmark = pytest.mark.django_db


@pytest.fixture
def there() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        settings.TAILWATCH_SMTP_URL = f"smtp://127.0.0.1:{server.port}"
        settings.TAILWATCH_MAIL_FROM = "tailwatch@acme.example"
        yield server


def only(world: World, **entered: Any) -> PagerEndpoint:
    """Ana's one pager."""
    PagerEndpoint.objects.filter(user=world.ana).delete()
    actor = permissions.system(world.organisation)
    given: dict[str, Any] = {"name": "Mine", "user": world.ana} | entered
    made, _ = endpoints.add(organisation=world.organisation, entered=Entered(**given), actor=actor, now=NOW)
    PagerEndpoint.objects.filter(pk=made.pk).update(verified_at=NOW)
    return made


def carrier(world: World, there: Vendor, name: str = "Twilio", position: int = 1) -> None:
    endpoints.set_carrier(
        organisation=world.organisation, name=name, account="AC1", secret="token", sender="+15005550006",
        url=there.url, position=position, actor=permissions.system(world.organisation), now=NOW,
    )  # fmt: skip


def delivered(world: World) -> Page:
    world.incident()
    services.deliver_due(now=NOW)
    return Page.objects.get(user=world.ana)


def test_pagerduty_is_triggered_acknowledged_and_resolved_under_one_key(world: World, there: Vendor):
    only(world, kind="pagerduty", url=f"{there.url}/v2/enqueue", secret="R" * 32)
    there.answers += [(202, b'{"status":"success"}', {})] * 3
    incident = world.incident()
    services.deliver_due(now=NOW)
    actor = permissions.of(world.ben, world.organisation)
    response.acknowledge(incident=incident, actor=actor, now=NOW)
    services.deliver_due(now=NOW)
    response.resolve(incident=incident, actor=actor, now=NOW)
    services.deliver_due(now=NOW)
    events = [one.json for one in there.requests]
    assert [event["event_action"] for event in events] == ["trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in events} == {"tailwatch-acme-INC-1"}
    assert {event["routing_key"] for event in events} == {"R" * 32}
    assert events[0]["payload"]["severity"] == "error"
    assert len(events[0]["payload"]["summary"]) <= 1024


def test_slack_gets_a_line_a_headline_and_a_button_that_is_the_persons_own(world: World, there: Vendor):
    only(world, kind="slack", secret=f"{there.url}/services/T0/B0/x")
    there.answer(200, b"ok")
    assert delivered(world).state == "sent"
    card = there.requests[0].json
    kinds = [block["type"] for block in card["blocks"]]
    assert kinds == ["header", "section", "context", "actions"]
    assert card["blocks"][3]["elements"][0]["url"].startswith("http://127.0.0.1:8000/ack/")


def test_a_slack_channel_that_is_gone_is_not_tried_again(world: World, there: Vendor):
    only(world, kind="slack", secret=there.url)
    there.answer(410, b"channel_is_archived")
    page = delivered(world)
    assert page.state == "failed"
    assert "channel_is_archived" in page.closed_reason


def test_slack_that_throttles_is_waited_for_as_long_as_it_says(world: World, there: Vendor):
    only(world, kind="slack", secret=there.url)
    there.answer(429, b"", Retry_After="30")
    page = delivered(world)
    assert page.state == "pending"
    assert 30 <= (page.due_at - NOW).total_seconds() < 32


def test_teams_gets_an_adaptive_card(world: World, there: Vendor):
    only(world, kind="teams", secret=there.url)
    there.answer(202)
    assert delivered(world).state == "sent"
    (attachment,) = there.requests[0].json["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [action["title"] for action in attachment["content"]["actions"]][:2] == ["Acknowledge", "Open"]


def test_ntfy_pushes_with_a_button_that_posts(world: World, there: Vendor):
    only(world, kind="ntfy", url=f"{there.url}/acme-on-call", secret="tk_1")
    assert delivered(world).state == "sent"
    sent = there.requests[0]
    assert sent.path == "/"
    assert sent.headers["authorization"] == "Bearer tk_1"
    assert (sent.json["topic"], sent.json["priority"]) == ("acme-on-call", 5)
    assert sent.json["actions"][0]["method"] == "POST"


def test_a_webhook_may_have_a_body_of_its_own(world: World, there: Vendor):
    only(world, kind="webhook", url=there.url, template='{"msg": "{severity} {incident}", "n": 1}')
    assert delivered(world).state == "sent"
    assert there.requests[0].json == {"msg": "SEV2 INC-1", "n": 1}
    assert "x-tailwatch-signature" in there.requests[0].headers


def test_an_apprise_address_is_told(world: World, there: Vendor):
    only(world, kind="apprise", secret=there.url.replace("http://", "json://"))
    assert delivered(world).state == "sent"
    assert "SEV2 INC-1" in there.requests[0].json["title"]


def test_a_mail_is_one_thread_an_incident_and_one_message_a_page(world: World, mail: MailServer):
    only(world, kind="email", address="ana@acme.example")
    page = delivered(world)
    assert page.state == "sent"
    (text,) = mail.mails
    assert "To: ana@acme.example" in text
    assert f"Message-ID: <tailwatch-acme-INC-1-{page.pk}@127.0.0.1>" in text
    assert "References: <tailwatch-acme-INC-1@127.0.0.1>" in text
    assert "Acknowledge: http" in text


@pytest.mark.parametrize(("reply", "state"), [("550 no such user", "failed"), ("451 later", "pending")])
def test_a_mail_servers_no_is_for_good_with_5_and_for_now_with_4(
    world: World, mail: MailServer, reply: str, state: str
):
    only(world, kind="email", address="ana@acme.example")
    mail.replies.append(reply)
    assert delivered(world).state == state
    assert reply in Delivery.objects.get(page__user=world.ana).error


def test_without_a_mail_server_the_page_says_which_setting_is_missing(world: World, settings: Any):
    settings.TAILWATCH_SMTP_URL = ""
    only(world, kind="email", address="ana@acme.example")
    assert "TAILWATCH_SMTP_URL" in delivered(world).closed_reason


def test_a_text_names_the_incident_and_ends_with_the_link(world: World, there: Vendor):
    only(world, kind="sms", address="+43 664 123 45 67")
    carrier(world, there)
    there.answer(201, b'{"sid": "SM1", "status": "queued"}')
    page = delivered(world)
    assert (page.state, page.vendor_key) == ("sent", "SM1")
    sent = there.requests[0]
    assert sent.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"AC1:token").decode()
    assert (sent.form["To"], sent.form["From"]) == ("+436641234567", "+15005550006")
    assert sent.form["Body"].startswith("SEV2 INC-1")
    assert "/ack/" in sent.form["Body"].split()[-1]
    assert sent.form["StatusCallback"].endswith(f"/answers/twilio/{page.pk}/")


def test_a_second_carrier_is_tried_where_the_first_fails(world: World, there: Vendor):
    only(world, kind="voice", address="+436641234567")
    carrier(world, there)
    with vendor() as second:
        carrier(world, second, name="Other", position=2)
        there.answer(503, b"down")
        second.answer(201, b'{"sid": "CA2"}')
        assert delivered(world).state == "sent"
        assert second.requests[0].path.endswith("/Calls.json")
        assert "/answers/voice/" in second.requests[0].form["Url"]


def test_without_a_carrier_a_text_fails_in_words(world: World):
    only(world, kind="sms", address="+436641234567")
    assert "no carrier account" in delivered(world).closed_reason


def test_a_number_that_is_not_verified_is_sent_nothing(world: World):
    made = only(world, kind="sms", address="+436641234567")
    PagerEndpoint.objects.filter(pk=made.pk).update(verified_at=None)
    world.incident()
    assert not Page.objects.filter(user=world.ana).exists()
    assert Page.objects.filter(user=world.ben).exists()  # the next one at once


def test_a_phone_does_not_ring_because_it_is_over(world: World, there: Vendor):
    only(world, kind="voice", address="+436641234567")
    carrier(world, there)
    there.answer(201)
    incident = world.incident()
    services.deliver_due(now=NOW)
    response.resolve(incident=incident, actor=permissions.of(world.ben, world.organisation), now=NOW)
    services.deliver_due(now=NOW)
    assert len(there.requests) == 1


def test_a_test_says_what_came_back_and_keeps_it(world: World, there: Vendor):
    made = only(world, kind="webhook", url=there.url)
    actor = permissions.of(world.ana, world.organisation)
    there.answer(500, b"broken pipe")
    outcome = endpoints.send_test(endpoint=made, actor=actor, now=NOW)
    made.refresh_from_db()
    assert not outcome.accepted
    assert made.tested_result == "answered 500: broken pipe"
    endpoints.send_test(endpoint=made, actor=actor, now=NOW)
    made.refresh_from_db()
    assert made.tested_result == "delivered"
    assert "Nothing is wrong" in there.requests[-1].json["text"]


def test_a_number_is_proved_with_the_code_that_was_sent_there(world: World, there: Vendor):
    made = only(world, kind="sms", address="+436641234567")
    PagerEndpoint.objects.filter(pk=made.pk).update(verified_at=None)
    made.refresh_from_db()
    carrier(world, there)
    actor = permissions.of(world.ana, world.organisation)
    endpoints.send_code(endpoint=made, actor=actor, now=NOW)
    code = there.requests[0].form["Body"].split("code is ")[1][:6]
    wrong = "000000" if code != "000000" else "000001"
    assert not endpoints.verify(endpoint=made, code=wrong, actor=actor, now=NOW)
    assert not endpoints.verify(endpoint=made, code=code, actor=actor, now=NOW)  # a wrong one ends the code
    later = NOW + endpoints.CODES_APART
    made.refresh_from_db()
    endpoints.send_code(endpoint=made, actor=actor, now=later)
    code = there.requests[1].form["Body"].split("code is ")[1][:6]
    assert endpoints.verify(endpoint=made, code=code, actor=actor, now=later)
    made.refresh_from_db()
    assert made.ready


def test_a_landline_is_told_its_code_and_a_test_call_says_what_it_is(world: World, there: Vendor):
    endpoint = only(world, kind="voice", address="+4315012345")
    endpoint.refresh_from_db()
    carrier(world, there)
    actor = permissions.of(world.ana, world.organisation)
    endpoints.send_code(endpoint=endpoint, actor=actor, now=NOW)
    endpoints.send_test(endpoint=endpoint, actor=actor, now=NOW)
    call, test = there.requests
    assert [request.path.endswith("/Calls.json") for request in (call, test)] == [True, True]
    code = "".join(re.findall(r"\d", call.form["Twiml"].partition("Again")[0].partition("code is")[2]))
    assert endpoints.verify(endpoint=endpoint, code=code, actor=actor, now=NOW)
    assert "This is a test from Tailwatch" in test.form["Twiml"]


def test_codes_are_not_sent_faster_than_somebody_reads_them(world: World, there: Vendor):
    from observability.core.refusals import Refused

    made = only(world, kind="sms", address="+436641234567")
    carrier(world, there)
    actor = permissions.of(world.ana, world.organisation)
    endpoints.send_code(endpoint=made, actor=actor, now=NOW)
    made.refresh_from_db()
    with pytest.raises(Refused, match="30 seconds"):
        endpoints.send_code(endpoint=made, actor=actor, now=NOW)
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    ("entered", "field", "words"),
    [
        ({"kind": "carrier-pigeon"}, "kind", "expected one of webhook, pagerduty"),
        ({"kind": "webhook", "url": "ftp://x"}, "url", "https://"),
        ({"kind": "sms", "address": "0664 123"}, "address", "+436641234567"),
        ({"kind": "email", "address": "ana@"}, "address", "expected an e-mail address"),
        ({"kind": "slack", "secret": "hooks"}, "secret", "https://"),
        ({"kind": "pagerduty"}, "secret", "is missing"),
        ({"kind": "webhook", "url": "https://x.example", "template": "{"}, "template", "expected JSON"),
        ({"kind": "webhook", "url": "https://x.example", "template": '{"a": "{nope}"}'}, "template", "{nope}"),
        ({"kind": "sms", "address": "+436641234567", "user": None}, "user", "say whom"),
        ({"kind": "webhook", "url": "https://x.example", "name": " "}, "name", "missing"),
        ({"kind": "webhook", "url": "https://x.example", "escalates": True}, "escalates", "only PagerDuty"),
    ],
)
def test_what_cannot_be_a_pager_is_refused_with_its_field(world: World, entered: Any, field: str, words: str):
    with pytest.raises(endpoints.WrongEndpoint) as wrong:
        only(world, **entered)
    assert words in wrong.value.problems[field]


def test_people_add_their_own_pagers_and_only_those_who_manage_them_add_others(world: World):
    own = permissions.of(world.ana, world.organisation)
    theirs = Entered(kind="webhook", name="Theirs", user=world.ben, url="https://x.example")
    mine = Entered(kind="webhook", name="Second", user=world.ana, url="https://x.example")
    endpoints.add(organisation=world.organisation, entered=mine, actor=own, now=NOW)
    with pytest.raises(permissions.NotAllowed):
        endpoints.add(organisation=world.organisation, entered=theirs, actor=own, now=NOW)
    room = Entered(kind="webhook", name="Room", user=None, url="https://x.example")
    with pytest.raises(permissions.NotAllowed):
        endpoints.add(organisation=world.organisation, entered=room, actor=own, now=NOW)
    stranger = Entered(
        kind="webhook",
        name="X",
        user=factories.make_user(factories.make_organisation("other")),
        url="https://x.example",
    )
    with pytest.raises(endpoints.WrongEndpoint, match="does not belong"):
        endpoints.add(
            organisation=world.organisation, entered=stranger, actor=permissions.system(world.organisation), now=NOW
        )
