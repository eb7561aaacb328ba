"""What the floor does for everyone: first organisation, people, heartbeats."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from observability.core import audit, permissions, prepared
from observability.core.models import ApiToken, Membership, Organisation, Role, User
from observability.core.permissions import Actor
from observability.core.tokens import hash_token, new_token

DEFAULT_ORGANISATION = "default"
#: A token's last use is written down this exactly: a write a request would be one too many.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def default_organisation() -> Organisation:
    """The organisation that a fresh installation has; made on first use."""
    return Organisation.objects.get_or_create(slug=DEFAULT_ORGANISATION, defaults={"name": "Default"})[0]


def create_user(
    *,
    organisation: Organisation,
    username: str,
    role: Role,
    now: datetime,
    password: str | None = None,
    signs_in: bool = True,
    email: str = "",
    display_name: str = "",
) -> tuple[User, str]:
    """A person with a role, and their password: the one given, or a fresh one that is shown once and kept as a hash. One who
    does not sign in (paged only, or by single sign-on) has none: ""."""
    password = (password or secrets.token_urlsafe(12)) if signs_in else ""
    with transaction.atomic():
        user = User.objects.create_user(
            username=username, email=email, password=password or None, display_name=display_name, date_joined=now
        )
        Membership.objects.create(organisation=organisation, user=user, role=role)
        audit.record(
            actor=permissions.system(organisation), verb="create_user", obj=user, now=now, payload={"role": role}
        )
    return user, password


_BEAT = "INSERT INTO core_heartbeat (part, at) VALUES (%s, %s) ON CONFLICT (part) DO UPDATE SET at = excluded.at"


def beat(*, part: str, now: datetime) -> None:
    """Say that `part` is alive."""
    prepared.rows(_BEAT, [part, now])


def set_preferences(*, user: User, time_zone: str, display_name: str) -> None:
    """What a person sets for themselves: nobody else's business, so no audit entry."""
    user.time_zone, user.display_name = time_zone, display_name
    user.save(update_fields=["time_zone", "display_name"])


def create_token(
    *, organisation: Organisation, user: User, name: str, read_only: bool, expires_at: datetime | None, now: datetime
) -> tuple[ApiToken, str]:
    """A key to the REST interface for `user` themselves, and its text, which is never shown again."""
    plain, token_hash = new_token()
    with transaction.atomic():
        token = ApiToken.objects.create(
            organisation=organisation,
            user=user,
            name=name,
            token_hash=token_hash,
            read_only=read_only,
            created_at=now,
            expires_at=expires_at,
        )
        audit.record(
            actor=permissions.of(user, organisation),
            verb="create_token",
            obj=token,
            now=now,
            payload={"name": name, "read_only": read_only},
        )
    return token, plain


def revoke_token(*, token: ApiToken, actor: Actor, now: datetime) -> None:
    """End a key at once. Its owner may, and whoever manages users."""
    if token.user_id != actor.user_id:
        permissions.require(actor, permissions.Verb.MANAGE_USERS, token)
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            audit.record(actor=actor, verb="revoke_token", obj=token, now=now, payload={"name": token.name})


def token_in_use(*, plain: str, now: datetime) -> ApiToken | None:
    """The key with this text if it still opens: neither revoked nor expired, and its owner may still log in."""
    valid = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now)) & Q(user__is_active=True)
    found = ApiToken.objects.filter(valid, token_hash=hash_token(plain)).select_related("user", "organisation").first()
    if found is not None and (found.used_at is None or now - found.used_at >= USE_IS_NOTED_EVERY):
        ApiToken.objects.filter(pk=found.pk).update(used_at=now)
    return found
