"""Acknowledge links, a person's webhook, and the demo pager with its inbox."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum

from django.conf import settings

from incidents.paging.endpoints import services as endpoints
from incidents.paging.models import AckLink, DemoMessage, PagerEndpoint
from incidents.paging.signature import SignatureVerdict, verify
from observability.core import tokens
from observability.core.models import Organisation, User
from observability.core.permissions import Actor


class LinkVerdict(StrEnum):
    """What an acknowledge link is worth now."""

    GOOD = "good"
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"


def find_link(*, token: str, now: datetime, lock: bool = False) -> tuple[LinkVerdict, AckLink | None]:
    """The link of a token and what it is worth. With `lock` its row is held until the transaction ends."""
    links = AckLink.objects.select_related("user", "page__incident__organisation", "page__incident__service")
    if lock:
        links = links.select_for_update(of=("self",))
    link = links.filter(token_hash=tokens.hash_token(token)).first()
    if link is None:
        return LinkVerdict.UNKNOWN, None
    if link.used_at is not None:
        return LinkVerdict.USED, link
    return (LinkVerdict.EXPIRED if link.expires_at <= now else LinkVerdict.GOOD), link


def add_endpoint(
    *, organisation: Organisation, user: User, url: str, actor: Actor, now: datetime, name: str = "Webhook"
) -> tuple[PagerEndpoint, str]:
    """A webhook that reaches `user`, and the secret that signs its messages: shown once, kept encrypted."""
    secret = secrets.token_urlsafe(32)
    made = PagerEndpoint(organisation=organisation, user=user, url=url, name=name, secret=secret, created_at=now)
    return endpoints.save(endpoint=made, actor=actor, now=now), secret


def add_demo_pager(*, organisation: Organisation, user: User, actor: Actor, now: datetime) -> PagerEndpoint:
    """The person's demo pager: a webhook that ends at this very server. Asked for again, it is the one there is."""
    return _inbox(organisation, user, actor, now, "Demo pager", drill=False)


def add_drill_inbox(*, organisation: Organisation, user: User, actor: Actor, now: datetime) -> PagerEndpoint:
    """Where the messages of drills reach the person: a demo pager that hears nothing else. Asked for again, it is the one there is."""
    return _inbox(organisation, user, actor, now, "Drill inbox", drill=True)


def _inbox(
    organisation: Organisation, user: User, actor: Actor, now: datetime, name: str, *, drill: bool
) -> PagerEndpoint:
    mine = PagerEndpoint.objects.filter(organisation=organisation, user=user, kind=PagerEndpoint.Kind.DEMO, drill=drill)
    found = mine.first()
    if found is not None:
        return found
    plain, hashed = tokens.new_token()
    made = PagerEndpoint(
        organisation=organisation,
        user=user,
        kind=PagerEndpoint.Kind.DEMO,
        name=name,
        drill=drill,
        url=f"{settings.TAILWATCH_BASE_URL}/demo/pager/inbox/{plain}/",
        secret=secrets.token_urlsafe(32),
        inbox_token_hash=hashed,
        created_at=now,
    )
    return endpoints.save(endpoint=made, actor=actor, now=now)


def receive_demo_message(
    *, token: str, body: bytes, signature: str, payload: dict[str, object], now: datetime
) -> DemoMessage | None:
    """Keep a message for the demo pager's phone; None where the token or the signature is wrong."""
    endpoint = PagerEndpoint.objects.filter(
        kind=PagerEndpoint.Kind.DEMO, inbox_token_hash=tokens.hash_token(token)
    ).first()
    if endpoint is None or verify(secret=endpoint.secret, body=body, header=signature) is not SignatureVerdict.GOOD:
        return None
    return DemoMessage.objects.create(
        organisation_id=endpoint.organisation_id,
        endpoint=endpoint,
        received_at=now,
        dedup_key=str(payload.get("dedup_key", ""))[:100],
        payload=payload,
    )
