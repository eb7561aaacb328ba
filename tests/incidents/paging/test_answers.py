"""What comes back from where people were reached: buttons, keys, reports. Each is known by the vendor's signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from incidents.paging import services
from incidents.paging.endpoints import services as endpoints
from incidents.paging.models import Delivery, EscalationStep, Page
from incidents.paging.pagers import outbox
from incidents.response import services as response
from incidents.response.models import Incident, TimelineEntry
from observability.core import outbound, permissions
from tests.factories import NOW
from tests.incidents.paging.conftest import World
from tests.incidents.paging.test_vendors import carrier, only
from tests.incidents.paging.vendors import Vendor, vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_now")]
BASE = "http://127.0.0.1:8000"


@pytest.fixture
def there() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


@pytest.fixture
def slack(world: World, there: Vendor, client: Any, frozen_now: Any) -> Any:
    """Ana's Slack pager, and a way to press its buttons as a member."""
    system = permissions.system(world.organisation)
    endpoints.set_slack_app(organisation=world.organisation, signing_secret="s3", actor=system, now=NOW)
    only(world, kind="slack", address="U1", secret=there.url)

    def press(member: str, action: str, number: int = 1, *, secret: str = "s3", at: float | None = None) -> Any:
        payload = {
            "type": "block_actions",
            "user": {"id": member},
            "actions": [{"action_id": action, "value": str(number)}],
            "response_url": f"{there.url}/actions/1",
        }
        body = urlencode({"payload": json.dumps(payload)})
        moment = str(int(at if at is not None else frozen_now.timestamp()))
        digest = hmac.new(secret.encode(), f"v0:{moment}:{body}".encode(), hashlib.sha256).hexdigest()
        there.requests.clear()
        return client.post(
            "/answers/slack/acme/",
            body,
            content_type="application/x-www-form-urlencoded",
            headers={"X-Slack-Signature": f"v0={digest}", "X-Slack-Request-Timestamp": moment},
        )

    return press


def said(there: Vendor) -> str:
    """What Slack shows to who pressed, and to nobody else."""
    (request,) = there.requests
    assert request.json["response_type"] == "ephemeral"
    return str(request.json["text"])


def signed(client: Any, path: str, form: dict[str, str], *, secret: str = "token") -> Any:
    text = f"{BASE}{path}" + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return client.post(path, form, headers={"X-Twilio-Signature": signature})


def called(world: World, there: Vendor) -> tuple[Incident, Page, str]:
    """Ana was called; the incident, the page, and the path that the call reads from."""
    only(world, kind="voice", address="+436641234567")
    carrier(world, there)
    there.answer(201, b'{"sid": "CA1"}')
    incident = world.incident()
    services.deliver_due(now=NOW)
    return incident, Page.objects.get(user=world.ana), there.requests[0].form["Url"].removeprefix(BASE)


def test_a_button_in_slack_acknowledges_as_the_member_whose_pager_it_is(world: World, there: Vendor, slack: Any):
    incident = world.incident()
    services.deliver_due(now=NOW)
    assert there.requests[0].json["blocks"][3]["elements"][0]["action_id"] == "acknowledge"
    assert slack("U1", "acknowledge").status_code == 200
    incident.refresh_from_db()
    assert said(there) == "INC-1: acknowledged by ana."
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", world.ana)
    entry = TimelineEntry.objects.get(kind="acknowledged")
    assert (entry.actor, entry.payload["through"]) == ("ana", "Slack")


def test_a_member_nobody_knows_is_told_how_to_be_known(world: World, there: Vendor, slack: Any):
    incident = world.incident()
    slack("U9", "acknowledge")
    assert "does not know the Slack member U9" in said(there)
    incident.refresh_from_db()
    assert incident.state == "open"


def test_slack_is_known_by_its_signature_and_old_ones_do_not_count(world: World, slack: Any, frozen_now: Any):
    world.incident()
    assert slack("U1", "acknowledge", secret="guessed").status_code == 403
    assert slack("U1", "acknowledge", at=frozen_now.timestamp() - 301).status_code == 403
    assert Incident.objects.get().state == "open"


def test_resolving_from_slack_what_is_not_there_is_said(world: World, there: Vendor, slack: Any):
    slack("U1", "resolve", 44)
    assert said(there) == "There is no INC-44 here."


def test_what_was_done_is_done_though_slack_cannot_be_told(world: World, there: Vendor, slack: Any):
    incident = world.incident()
    there.answer(500)
    assert slack("U1", "acknowledge").status_code == 200
    incident.refresh_from_db()
    assert incident.state == "acknowledged"


def test_a_pager_that_is_older_than_the_slack_app_has_its_buttons_too(world: World, there: Vendor):
    only(world, kind="slack", address="U1", secret=there.url)
    system = permissions.system(world.organisation)
    endpoints.set_slack_app(organisation=world.organisation, signing_secret="s3", actor=system, now=NOW)
    world.incident()
    services.deliver_due(now=NOW)
    assert there.requests[0].json["blocks"][3]["elements"][0]["action_id"] == "acknowledge"


def test_a_call_reads_the_page_and_key_1_acknowledges(world: World, there: Vendor, client: Any):
    incident, _, path = called(world, there)
    read = signed(client, path, {"CallSid": "CA1"})
    assert read["Content-Type"].startswith("text/xml")
    assert "severity 2 incident 1" in read.content.decode()
    assert f'action="{BASE}{path}"' in read.content.decode()
    assert "Acknowledged" in signed(client, path, {"CallSid": "CA1", "Digits": "1"}).content.decode()
    incident.refresh_from_db()
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", world.ana)
    assert TimelineEntry.objects.get(kind="acknowledged").payload["through"] == "a phone call"


def test_key_2_tells_the_next_person_at_once(world: World, there: Vendor, client: Any):
    incident, _, path = called(world, there)
    assert "next person is called now" in signed(client, path, {"Digits": "2"}).content.decode()
    assert services.escalate_due(now=NOW) == 1
    assert Page.objects.filter(user=world.ben, kind="escalated").exists()
    incident.refresh_from_db()
    assert incident.state == "open"


def test_a_call_is_known_by_the_carriers_signature(world: World, there: Vendor, client: Any):
    _, _, path = called(world, there)
    assert signed(client, path, {"Digits": "1"}, secret="guessed").status_code == 403
    assert client.post(path, {"Digits": "1"}).status_code == 403
    assert Incident.objects.get().state == "open"


def test_a_call_that_nobody_answered_goes_on_to_the_next_person(world: World, there: Vendor, client: Any):
    _, page, _ = called(world, there)
    path = f"/answers/twilio/{page.pk}/"
    assert signed(client, path, {"CallSid": "CA1", "CallStatus": "ringing"}).status_code == 204
    assert not EscalationStep.objects.filter(state="pending", due_at__lte=NOW).exists()
    assert signed(client, path, {"CallSid": "CA1", "CallStatus": "no-answer"}).status_code == 204
    page.refresh_from_db()
    assert (page.state, page.closed_reason) == ("failed", "nobody answered the call")
    assert services.escalate_due(now=NOW) == 1
    assert Delivery.objects.filter(page=page, outcome="not_reached").count() == 1
    signed(client, path, {"CallSid": "CA1", "CallStatus": "no-answer"})  # told twice
    assert Delivery.objects.filter(page=page, outcome="not_reached").count() == 1


def test_a_report_that_overtakes_the_carriers_own_answer_counts(world: World, there: Vendor, client: Any):
    only(world, kind="voice", address="+436641234567")
    carrier(world, there)
    there.answer(201, b'{"sid": "CA1"}')
    world.incident()
    ((copy, outcome, _),) = outbox.send_all(outbox.claim(now=NOW), transport=outbound.post)
    path = f"/answers/twilio/{copy.page.pk}/"
    assert signed(client, path, {"CallSid": "CA1", "CallStatus": "busy"}).status_code == 204
    page = outbox.record(copy=copy, outcome=outcome, seconds=0.0, now=NOW)
    assert (page.state, page.closed_reason) == ("failed", "the line was busy")
    assert services.escalate_due(now=NOW) == 1


def test_a_report_about_an_older_try_changes_nothing(world: World, there: Vendor, client: Any):
    _, page, _ = called(world, there)
    signed(client, f"/answers/twilio/{page.pk}/", {"CallSid": "CA0", "CallStatus": "failed"})
    page.refresh_from_db()
    assert page.state == "sent"


def test_a_dead_letter_is_sent_again_with_one_tap(world: World, there: Vendor, client: Any):
    only(world, kind="webhook", url=there.url)
    there.answer(404, b"gone")
    world.incident()
    services.deliver_due(now=NOW)
    page = Page.objects.get(user=world.ana, kind="opened")
    client.force_login(world.ana)
    assert "Send again" in client.get("/pages/?state=failed").content.decode()
    client.post(f"/pages/{page.pk}/resend/")
    services.deliver_due(now=NOW)
    page.refresh_from_db()
    assert page.state == "sent"
    assert [one.outcome for one in page.deliveries.all()] == ["refused", "accepted"]
    again = client.post(f"/pages/{page.pk}/resend/", follow=True).content.decode()
    assert "only one that was not delivered is sent again" in again


def test_what_is_resolved_is_not_sent_again(world: World, there: Vendor, client: Any):
    only(world, kind="webhook", url=there.url)
    there.answer(404, b"gone")
    incident = world.incident()
    services.deliver_due(now=NOW)
    response.resolve(incident=incident, actor=permissions.of(world.ben, world.organisation), now=NOW)
    page = Page.objects.get(user=world.ana, kind="opened")
    client.force_login(world.ana)
    assert "is resolved" in client.post(f"/pages/{page.pk}/resend/", follow=True).content.decode()
