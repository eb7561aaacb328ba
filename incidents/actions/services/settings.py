"""Turn actions on and off, stop them all, set the document, keep its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from incidents.actions import document, queries
from incidents.actions.document import Document
from incidents.actions.models import ActionDocument, ActionSecret, ActionSwitch
from observability.core import audit, permissions
from observability.core.documents import Problem, WithProblems
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb
from observability.core.refusals import Refused
from sloengine.catalog.models import Service

LONGEST_SECRET = 16 * 1024


class DocumentUnusable(WithProblems, Refused):
    """The document has problems, each with its line; the one before stays in force."""


def turn(*, organisation: Organisation, on: bool, actor: Actor, now: datetime) -> ActionSwitch:
    """Let actions run at all, or not. They are off until somebody turns them on."""
    permissions.require(actor, Verb.MANAGE_ACTIONS, organisation)
    return _switched(organisation, actor, now, "turn_actions", enabled=on)


def stop(*, organisation: Organisation, actor: Actor, now: datetime) -> ActionSwitch:
    """The kill switch: nothing begins any more, proposed, approved or started. What an executor has taken cannot be called back."""
    permissions.require(actor, Verb.STOP_ACTIONS, organisation)
    return _switched(organisation, actor, now, Verb.STOP_ACTIONS, stopped_at=now, stopped_by=actor.name)


def resume(*, organisation: Organisation, actor: Actor, now: datetime) -> ActionSwitch:
    """Take the kill switch back: who may manage actions, not everybody who may stop them."""
    permissions.require(actor, Verb.MANAGE_ACTIONS, organisation)
    return _switched(organisation, actor, now, "resume_actions", stopped_at=None, stopped_by="")


def _switched(
    organisation: Organisation, actor: Actor, now: datetime, verb: str, **values: bool | datetime | str | None
) -> ActionSwitch:
    with transaction.atomic():
        row, _ = ActionSwitch.objects.update_or_create(organisation=organisation, defaults=values)
        audit.record(actor=actor, verb=verb, obj=organisation, now=now, payload={"now": str(row)})
    return row


def validated(*, organisation: Organisation, text: str) -> Document:
    """The document of the text; services and secrets that it names must be there. Raises DocumentUnusable with every problem."""
    try:
        found = document.load(text)
    except document.DocumentRefused as error:
        raise DocumentUnusable(error.problems) from error
    problems = tuple(_strangers(organisation, found))
    if problems:
        raise DocumentUnusable(problems)
    return found


def _strangers(organisation: Organisation, found: Document) -> Iterator[Problem]:
    services = set(Service.objects.filter(organisation=organisation).values_list("slug", flat=True))
    secrets = set(ActionSecret.objects.filter(organisation=organisation).values_list("name", flat=True))
    for index, (binding, line) in enumerate(zip(found.bindings, found.lines, strict=True)):
        if binding.service not in services:
            expected = f"one of {', '.join(sorted(services))}" if services else "a service; none is watched yet"
            yield Problem("actions", line, f"bindings[{index}].service", repr(binding.service), expected)
    for executor in found.executors.values():
        for key, name in executor.secrets.items():
            if name not in secrets:
                expected = f"one of {', '.join(sorted(secrets))}" if secrets else "a secret; none is kept yet"
                yield Problem("actions", executor.line, f"executors.{executor.name}.{key}", repr(name), expected)


def set_document(*, organisation: Organisation, text: str, actor: Actor, now: datetime) -> ActionDocument:
    """A new version of the document; the same text again changes nothing. Runs that were asked for keep what they were asked with."""
    permissions.require(actor, Verb.MANAGE_ACTIONS, organisation)
    found = validated(organisation=organisation, text=text)
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=organisation.pk)
        before = queries.current(organisation_id=organisation.pk)
        if before is not None and before.text == text:
            return before
        version = before.version + 1 if before is not None else 1
        row = ActionDocument.objects.create(
            organisation=organisation, version=version, text=text, at=now, by_id=actor.user_id
        )
        ActionSwitch.objects.update_or_create(organisation=organisation, defaults={"proposes": found.proposes})
        audit.record(actor=actor, verb="set_actions", obj=row, now=now, payload={"version": version})
    return row


def keep_secret(*, organisation: Organisation, name: str, value: str, actor: Actor, now: datetime) -> ActionSecret:
    """Keep a secret under a name, or another in its place. It is encrypted, and never shown again."""
    permissions.require(actor, Verb.MANAGE_ACTIONS, organisation)
    name, value = name.strip(), value.strip()
    if not document.SECRET_NAME.match(name):
        raise Refused("A secret's name is of lower case letters, digits, - and _, at most 63.")
    if not value or len(value) > LONGEST_SECRET:
        raise Refused(f"A secret has 1 to {LONGEST_SECRET} characters; this one has {len(value)}.")
    with transaction.atomic():
        row, _ = ActionSecret.objects.update_or_create(
            organisation=organisation, name=name, defaults={"value": value, "changed_at": now}
        )
        audit.record(actor=actor, verb="keep_action_secret", obj=row, now=now, payload={"name": name})
    return row


def forget_secret(*, secret: ActionSecret, actor: Actor, now: datetime) -> None:
    """Forget a secret that no executor names any more."""
    permissions.require(actor, Verb.MANAGE_ACTIONS, secret)
    actions = queries.document(organisation_id=secret.organisation_id)
    users = [one.name for one in actions.executors.values() if secret.name in one.secrets.values()]
    if users:
        raise Refused(f"The executor {users[0]} uses {secret.name}; change the document first.")
    with transaction.atomic():
        audit.record(actor=actor, verb="forget_action_secret", obj=secret, now=now, payload={"name": secret.name})
        secret.delete()
