"""Addresses that vendors call. Each proves who it is by the vendor's signature; none has a session, so none asks for CSRF."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs

import orjson
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from incidents.paging import message, phone, signature
from incidents.paging import services as paging
from incidents.paging.answers import services
from incidents.paging.models import Carrier, Page, SlackApp
from incidents.paging.pagers import outbox
from observability.core import clock
from observability.core.access import Request, viewed
from observability.core.refusals import Refused

LARGEST_BYTES = 64 * 1024


@csrf_exempt
@require_POST
def slack(request: HttpRequest, organisation: str) -> HttpResponse:
    """A button was pressed in Slack: act, and say what came of it at the address that Slack gives for that; it shows no answer."""
    now = clock.now()
    app, refused = _from_slack(request, organisation, now)
    if app is None:
        return refused
    pressed = _pressed(request.body)
    if pressed is None:
        return HttpResponse("expected a payload of block_actions\n", status=HTTPStatus.BAD_REQUEST)
    member, action, number, response_url = pressed
    if not action:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)  # a button that only opens a page is told to us as well
    said = services.press(organisation=app.organisation, member=member, action=action, number=number, now=now)
    services.say(response_url=response_url, text=said)
    return HttpResponse(status=HTTPStatus.OK)


@csrf_exempt
@require_POST
def slash_command(request: HttpRequest, organisation: str) -> HttpResponse:
    """Somebody typed a slash command in Slack: declare an incident, and answer with the sentence that Slack shows."""
    now = clock.now()
    app, refused = _from_slack(request, organisation, now)
    if app is None:
        return refused
    member, text = request.POST.get("user_id", ""), request.POST.get("text", "")
    said, to_all = services.typed(organisation=app.organisation, member=member[:100], text=text, now=now)
    return JsonResponse({"response_type": "in_channel" if to_all else "ephemeral", "text": said})


@csrf_exempt
@require_POST
def twilio(request: HttpRequest, page: int) -> HttpResponse:
    """What became of a text or a call."""
    found = get_object_or_404(Page, pk=page)
    if not _genuine(request, found.organisation_id):
        return HttpResponse("the signature does not fit\n", status=HTTPStatus.FORBIDDEN)
    status = request.POST.get("MessageStatus") or request.POST.get("CallStatus", "")
    vendor_key = request.POST.get("MessageSid") or request.POST.get("CallSid", "")
    services.reported(page=found, vendor_key=vendor_key, status=status, now=clock.now())
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


@csrf_exempt
@require_POST
def voice(request: HttpRequest, token: str) -> HttpResponse:
    """What a call says, and what the key that was pressed does."""
    now = clock.now()
    _, link = paging.find_link(token=token, now=now)
    if link is None or not _genuine(request, link.page.organisation_id):
        return HttpResponse("no such call\n", status=HTTPStatus.FORBIDDEN)
    if key := request.POST.get("Digits", ""):
        said = phone.answer(services.key_pressed(token=token, key=key, now=now))
    else:
        line = message.text(outbox.spoken_message(link.page))
        said = phone.question(text=line, action=f"{settings.TAILWATCH_BASE_URL}{request.path}")
    return HttpResponse(said, content_type="text/xml; charset=utf-8")


@require_POST
@viewed
def resend(request: Request, page: int) -> HttpResponse:
    """One tap on a page that was not delivered."""
    found = get_object_or_404(Page, organisation=request.organisation, pk=page)
    try:
        services.resend(page=found, actor=request.actor, now=request.moment)
    except Refused as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, "It is sent again now.")
    return redirect("pages")


def _from_slack(request: HttpRequest, organisation: str, now: datetime) -> tuple[SlackApp | None, HttpResponse]:
    """The organisation's Slack app where it signed this request; else what to answer."""
    if int(request.headers.get("Content-Length") or 0) > LARGEST_BYTES:
        return None, HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    app = get_object_or_404(SlackApp.objects.select_related("organisation"), organisation__slug=organisation)
    genuine = signature.of_slack(
        secret=app.signing_secret,
        body=request.body,
        timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
        header=request.headers.get("X-Slack-Signature", ""),
        now_seconds=now.timestamp(),
    )
    refused = HttpResponse("the signature does not fit\n", status=HTTPStatus.FORBIDDEN)
    return (app if genuine else None), refused


def _genuine(request: HttpRequest, organisation_id: int) -> bool:
    url = f"{settings.TAILWATCH_BASE_URL}{request.get_full_path()}"
    form = {name: str(request.POST[name]) for name in request.POST}
    header = request.headers.get("X-Twilio-Signature", "")
    carriers = Carrier.objects.filter(organisation=organisation_id, enabled=True)
    return any(signature.of_twilio(secret=one.secret, url=url, form=form, header=header) for one in carriers)


def _pressed(body: bytes) -> tuple[str, str, int, str] | None:
    """(member, action, incident number, response address) of Slack's block_actions; the action is "" for a button of no
    concern to us."""
    try:
        payload = orjson.loads(parse_qs(body.decode())["payload"][0])
        member, response_url = str(payload["user"]["id"]), str(payload.get("response_url", ""))
        for action in payload["actions"]:
            if action.get("action_id") in {"acknowledge", "resolve"}:
                return member, str(action["action_id"]), int(action["value"]), response_url
    except (UnicodeDecodeError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None
    return member, "", 0, response_url
