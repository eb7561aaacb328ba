"""Add what reaches a person or a room, prove that a number is theirs, send a test, switch it off.

A person manages their own endpoints; rooms, carriers, the Slack app and other people's need the right to manage pagers.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from incidents.paging import message, phone, template
from incidents.paging.channels import CHANNELS
from incidents.paging.models import Carrier, PagerEndpoint, SlackApp
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome
from observability.core import audit, outbound, permissions, tokens
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service

CODE_LIFETIME = timedelta(minutes=10)
CODES_APART = timedelta(seconds=30)


class WrongEndpoint(ValueError):
    """What was entered cannot be an endpoint; `problems` has a sentence for each field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {sentence}" for field, sentence in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What a form or a program gives for a new endpoint. `user` None: a room."""

    kind: str
    name: str
    user: User | None
    url: str = ""
    address: str = ""
    secret: str = ""
    template: str = ""
    service: Service | None = None
    escalates: bool = False


def add(*, organisation: Organisation, entered: Entered, actor: Actor, now: datetime) -> tuple[PagerEndpoint, str]:
    """A new endpoint, and the secret that signs a webhook's messages where we made it up: shown once. Raises WrongEndpoint."""
    values = _checked(organisation, entered)
    made = secrets.token_urlsafe(32) if entered.kind == "webhook" and not entered.secret else ""
    endpoint = PagerEndpoint(
        organisation=organisation,
        user=entered.user,
        service=entered.service,
        kind=entered.kind,
        name=entered.name.strip(),
        secret=made or entered.secret.strip(),
        escalates=entered.escalates,
        created_at=now,
        **values,
    )
    return save(endpoint=endpoint, actor=actor, now=now), made


def save(*, endpoint: PagerEndpoint, actor: Actor, now: datetime) -> PagerEndpoint:
    """Store a new endpoint, with its line in the audit log."""
    _require(actor, endpoint)
    with transaction.atomic():
        endpoint.save(force_insert=True)
        payload = {"user": endpoint.recipient, "kind": endpoint.kind, "name": endpoint.name}
        audit.record(actor=actor, verb="add_pager", obj=endpoint, now=now, payload=payload)
    return endpoint


def switch(*, endpoint: PagerEndpoint, enabled: bool, actor: Actor, now: datetime) -> None:
    """Off: nothing is sent there any more; what it was sent stays on record."""
    _require(actor, endpoint)
    with transaction.atomic():
        PagerEndpoint.objects.filter(pk=endpoint.pk).update(enabled=enabled)
        verb = "enable_pager" if enabled else "disable_pager"
        audit.record(actor=actor, verb=verb, obj=endpoint, now=now, payload={"name": endpoint.name})


def send_test(
    *, endpoint: PagerEndpoint, actor: Actor, now: datetime, transport: base.Transport | None = None
) -> Outcome:
    """Send a real message there now, and keep what came back in words."""
    _require(actor, endpoint)
    if not endpoint.ready:
        raise Refused(f"{endpoint.name} is switched off, or its number has not been verified.")
    outcome = _send(endpoint, _test_message(endpoint, now), "test", now, transport)
    said = "delivered" if outcome.accepted else outcome.error
    PagerEndpoint.objects.filter(pk=endpoint.pk).update(tested_at=now, tested_result=said[:300])
    audit.record(actor=actor, verb="test_pager", obj=endpoint, now=now, payload={"result": said[:300]})
    return outcome


def tell(
    *,
    endpoint: PagerEndpoint,
    sentence: str,
    kind: str,
    key: str,
    now: datetime,
    about: str = "On call",
    transport: base.Transport | None = None,
) -> Outcome:
    """Send a sentence that is about no incident: a shift begins, a silence will end. `key` is one a sentence."""
    told = replace(_plain(endpoint, sentence, now), kind=kind, title=about, state="notice", reason=about.lower())
    return _send(endpoint, told, key, now, transport)


def send_code(
    *, endpoint: PagerEndpoint, actor: Actor, now: datetime, transport: base.Transport | None = None
) -> Outcome:
    """Text or say six digits to a number, so that its owner can prove it theirs. Not more than one in 30 s."""
    _require(actor, endpoint)
    expires = endpoint.code_expires_at
    if expires is not None and expires - CODE_LIFETIME + CODES_APART > now:
        raise Refused("A code was sent less than 30 seconds ago; wait for it.")
    code = f"{secrets.randbelow(1_000_000):06d}"
    PagerEndpoint.objects.filter(pk=endpoint.pk).update(
        code_hash=tokens.hash_token(f"{endpoint.pk}:{code}"), code_expires_at=now + CODE_LIFETIME
    )
    if endpoint.kind == PagerEndpoint.Kind.VOICE:  # a landline takes no text; digit by digit, and twice
        said = f"Your code is {', '.join(code)}. Again: {', '.join(code)}."
    else:
        said = f"Your Tailwatch code is {code}. It is good for 10 minutes."
    return _send(endpoint, _plain(endpoint, said, now), "code", now, transport)


def verify(*, endpoint: PagerEndpoint, code: str, actor: Actor, now: datetime) -> bool:
    """Whether the code was the one that was sent; then the number may be paged. A wrong one ends the code."""
    _require(actor, endpoint)
    with transaction.atomic():
        locked = PagerEndpoint.objects.select_for_update(of=("self",)).get(pk=endpoint.pk)
        sent = locked.code_hash and locked.code_expires_at is not None and locked.code_expires_at > now
        right = bool(sent) and locked.code_hash == tokens.hash_token(f"{endpoint.pk}:{code.strip()}")
        locked.code_hash = ""
        locked.verified_at = now if right else locked.verified_at
        locked.save(update_fields=["code_hash", "verified_at"])
        if right:
            audit.record(actor=actor, verb="verify_pager", obj=endpoint, now=now, payload={"name": endpoint.name})
    return right


def set_carrier(
    *,
    organisation: Organisation,
    name: str,
    account: str,
    secret: str,
    sender: str,
    actor: Actor,
    now: datetime,
    url: str = "https://api.twilio.com",
    position: int = 1,
) -> Carrier:
    """The account that sends texts and calls; the one with the lowest position is tried first."""
    permissions.require(actor, Verb.MANAGE_PAGERS, organisation)
    given = {"account": account, "sender": sender, "url": url, "position": position, "enabled": True}
    with transaction.atomic():
        carrier, _ = Carrier.objects.update_or_create(
            organisation=organisation,
            name=name,
            defaults=given | ({"secret": secret} if secret else {}),
            create_defaults={**given, "secret": secret, "created_at": now},
        )
        audit.record(actor=actor, verb="set_carrier", obj=carrier, now=now, payload={"name": name, "url": url})
    return carrier


def set_slack_app(*, organisation: Organisation, signing_secret: str, actor: Actor, now: datetime) -> SlackApp:
    """The signing secret of the organisation's Slack app: from now on buttons in Slack act here."""
    permissions.require(actor, Verb.MANAGE_PAGERS, organisation)
    with transaction.atomic():
        app, _ = SlackApp.objects.update_or_create(
            organisation=organisation,
            defaults={"signing_secret": signing_secret},
            create_defaults={"signing_secret": signing_secret, "created_at": now},
        )
        audit.record(actor=actor, verb="set_slack_app", obj=app, now=now)
    return app


def _require(actor: Actor, endpoint: PagerEndpoint) -> None:
    own = endpoint.user_id is not None and endpoint.user_id == actor.user_id and not endpoint.channel.managed
    permissions.require(actor, Verb.VIEW if own else Verb.MANAGE_PAGERS, endpoint)


def _checked(organisation: Organisation, entered: Entered) -> dict[str, Any]:
    """The fields of the row; raises WrongEndpoint with everything that is wrong."""
    channel = CHANNELS.get(entered.kind)
    if channel is None or entered.kind == "demo":
        kinds = ", ".join(kind for kind in CHANNELS if kind != "demo")
        raise WrongEndpoint({"kind": f"found {entered.kind!r}, expected one of {kinds}"})
    problems: dict[str, str] = {}
    url, address = entered.url.strip() or channel.url_default, entered.address.strip()
    options: dict[str, Any] = {}
    if not entered.name.strip():
        problems["name"] = "a name is missing: it is what the timeline shows"
    elif PagerEndpoint.objects.filter(organisation=organisation, user=entered.user, name=entered.name.strip()).exists():
        problems["name"] = f"there is one of the name {entered.name.strip()!r} already"
    if entered.user is None and not channel.shared:
        problems["user"] = f"{channel.title} reaches a person: say whom"
    if entered.user is not None and not organisation.memberships.filter(user=entered.user).exists():
        problems["user"] = f"{entered.user} does not belong to {organisation}"
    if entered.escalates and entered.kind != "pagerduty":
        problems["escalates"] = "only PagerDuty can escalate instead of Tailwatch"
    if channel.asks_url and not (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname):
        problems["url"] = f"found {url!r}, expected an address that starts with https://"
    if channel.kind in {"slack", "teams"} and urlsplit(entered.secret).scheme not in {"http", "https"}:
        problems["secret"] = f"{channel.asks_key}: expected https://..."
    elif channel.kind in {"pagerduty", "apprise"} and not entered.secret.strip():
        problems["secret"] = f"{channel.asks_key} is missing"
    try:
        address = _address(channel.kind, address)
    except ValueError as error:
        problems["address"] = str(error)
    if entered.template.strip():
        try:
            options["template"] = template.parse(entered.template)
        except ValueError as error:
            problems["template"] = str(error)
    if problems:
        raise WrongEndpoint(problems)
    return {"url": url if channel.asks_url else "", "address": address, "options": options}


def _address(kind: str, text: str) -> str:
    if kind in {"sms", "voice"}:
        return phone.number(text)
    if kind == "email":
        try:
            validate_email(text)
        except ValidationError:
            raise ValueError(f"found {text!r}, expected an e-mail address") from None
    return text


def _send(
    endpoint: PagerEndpoint,
    told: message.Message,
    what: str,
    now: datetime,
    transport: base.Transport | None,
) -> Outcome:
    rows = Carrier.objects.filter(organisation=endpoint.organisation_id, enabled=True)
    at = int(now.timestamp())
    letter = base.Letter(
        kind=endpoint.kind,
        message=told,
        url=endpoint.url,
        address=endpoint.address,
        secret=PagerEndpoint.objects.values_list("secret", flat=True).get(pk=endpoint.pk),
        options=endpoint.options,
        key=f"tailwatch-{what}-{endpoint.pk}-{at}",
        at=at,
        page=0,
        accounts=tuple(base.Account(row.name, row.url, row.account, row.secret, row.sender) for row in rows),
    )
    return base.vendor(letter.kind).send(letter, transport=transport or outbound.post)


def _test_message(endpoint: PagerEndpoint, now: datetime) -> message.Message:
    sentence = f"This is a test from Tailwatch to {endpoint.recipient} by {endpoint.name}. Nothing is wrong."
    return _plain(endpoint, sentence, now)


def _plain(endpoint: PagerEndpoint, sentence: str, now: datetime) -> message.Message:
    return message.Message(
        kind="test",
        page=0,
        attempt=1,
        repeated=False,
        dedup_key=f"tailwatch-test-{endpoint.pk}",
        organisation=endpoint.organisation.slug,
        number=0,
        title="Test",
        headline=sentence,
        severity=5,
        state="test",
        service=None,
        leaf=None,
        confidence=None,
        impact_started_at=None,
        opened_at=now,
        resolved_at=None,
        recipient=endpoint.recipient,
        reason="somebody pressed Send a test",
        simulated=False,
        incident_url=f"{settings.TAILWATCH_BASE_URL}/",
        runbook_url=None,
        acknowledge_url=None,
    )
