"""Who may do what: one table of roles x verbs, asked by services.

>>> allowed(Actor(kind="user", name="vera", organisation_id=1, role="viewer"), Verb.ACKNOWLEDGE, None)
False
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from observability.core.models import Membership, Organisation, Role, User


class Verb(StrEnum):
    VIEW = "view"
    DECLARE = "declare"
    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CHANGE_SEVERITY = "change_severity"
    LOWER_SEVERITY = "lower_severity"
    ADD_RESPONDER = "add_responder"
    TAKE_ROLE = "take_role"
    SNOOZE = "snooze"
    MERGE = "merge"
    PUBLISH_UPDATE = "publish_update"
    MANAGE_STATUS_PAGE = "manage_status_page"
    PROPOSE_ACTION = "propose_action"
    APPROVE_ACTION = "approve_action"
    RUN_ACTION = "run_action"
    STOP_ACTIONS = "stop_actions"
    MANAGE_ACTIONS = "manage_actions"
    APPLY_OBJECTIVES = "apply_objectives"
    EXCLUDE_TIME = "exclude_time"
    ADJUST_BUDGET = "adjust_budget"
    ENFORCE_POLICY = "enforce_policy"
    EDIT_RUNBOOK = "edit_runbook"
    EDIT_POSTMORTEM = "edit_postmortem"
    PUBLISH_POSTMORTEM = "publish_postmortem"
    START_FAULT = "start_fault"
    MANAGE_PAGERS = "manage_pagers"
    MANAGE_ONCALL = "manage_oncall"
    OVERRIDE = "override"
    MANAGE_USERS = "manage_users"
    MANAGE_SOURCES = "manage_sources"
    MANAGE_ROUTES = "manage_routes"
    MANAGE_TREE = "manage_tree"
    SILENCE = "silence"
    RUN_GATE = "run_gate"
    PUSH_KPI = "push_kpi"
    MANAGE_PRICES = "manage_prices"
    MANAGE_CONTRACTS = "manage_contracts"
    VIEW_AUDIT = "view_audit"


# Anyone in the organisation may look, declare an incident, call it worse, and call people in (R22).
_EVERYONE = frozenset({Verb.VIEW, Verb.DECLARE, Verb.CHANGE_SEVERITY, Verb.ADD_RESPONDER})
_RESPONDER = _EVERYONE | {
    Verb.ACKNOWLEDGE, Verb.NOTE, Verb.MITIGATE, Verb.RESOLVE, Verb.REOPEN, Verb.CHANGE_SEVERITY, Verb.TAKE_ROLE,
    Verb.EDIT_POSTMORTEM, Verb.EDIT_RUNBOOK, Verb.START_FAULT, Verb.SILENCE, Verb.OVERRIDE, Verb.SNOOZE, Verb.MERGE,
    Verb.PUSH_KPI, Verb.PROPOSE_ACTION, Verb.RUN_ACTION, Verb.STOP_ACTIONS,
}  # fmt: skip
_COMMANDER = _RESPONDER | {
    Verb.APPROVE_ACTION, Verb.PUBLISH_POSTMORTEM, Verb.EXCLUDE_TIME, Verb.LOWER_SEVERITY, Verb.PUBLISH_UPDATE, Verb.MANAGE_TREE,
}  # fmt: skip
ALLOWED: dict[str, frozenset[Verb]] = {
    Role.VIEWER: _EVERYONE,
    Role.LEADERSHIP: _EVERYONE | {Verb.MANAGE_CONTRACTS},
    Role.AUDITOR: _EVERYONE | {Verb.VIEW_AUDIT},
    Role.RELEASE_ENGINEER: _EVERYONE
    | {Verb.NOTE, Verb.RUN_GATE, Verb.PUSH_KPI, Verb.APPLY_OBJECTIVES, Verb.EXCLUDE_TIME, Verb.MANAGE_PRICES},
    Role.RESPONDER: _RESPONDER,
    Role.COMMANDER: _COMMANDER,
    Role.ADMIN: frozenset(Verb),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: a person, the platform itself, or a person known only by an acknowledge link or an API token."""

    kind: Literal["user", "system", "link", "token"]
    name: str
    organisation_id: int
    role: str = ""
    user_id: int | None = None


class NotAllowed(Exception):
    """The actor may not do this; the message says who, what, and which roles may."""

    def __init__(self, actor: Actor, verb: Verb) -> None:
        may = ", ".join(sorted(role for role, verbs in ALLOWED.items() if verb in verbs))
        held = f"is {actor.role}" if actor.role else "holds no role"
        super().__init__(f"{actor.name} {held} here and may not {verb.replace('_', ' ')}; these roles may: {may}.")


def system(organisation: Organisation, name: str = "tailwatch") -> Actor:
    """The platform acting by itself; it may do everything and is named in the audit log."""
    return Actor(kind="system", name=name, organisation_id=organisation.pk)


def of(user: User, organisation: Organisation) -> Actor:
    """The person as an actor in this organisation, with the role of their membership, or none where they left."""
    memberships = Membership.objects.filter(user=user, user__is_active=True, organisation=organisation)
    role = memberships.values_list("role", flat=True).first()
    return Actor(kind="user", name=user.username, organisation_id=organisation.pk, role=role or "", user_id=user.pk)


def bearer(user: User, organisation: Organisation) -> Actor:
    """The person as known by an API token of theirs: their role's rights, marked as used through a token."""
    return replace(of(user, organisation), kind="token")


def holder(user: User, organisation: Organisation) -> Actor:
    """The person as known by a link that was sent to them alone: their role's rights, marked as used through a link."""
    return replace(of(user, organisation), kind="link")


def allowed(actor: Actor, verb: Verb, obj: object | None) -> bool:
    """Whether `actor` may do `verb` to `obj`. A row of another organisation is refused whatever the role."""
    owner = obj.pk if isinstance(obj, Organisation) else getattr(obj, "organisation_id", None)
    if owner is not None and owner != actor.organisation_id:
        return False
    return actor.kind == "system" or verb in ALLOWED.get(actor.role, frozenset())


def require(actor: Actor, verb: Verb, obj: object | None) -> None:
    """Raise NotAllowed unless `actor` may do `verb` to `obj`."""
    if not allowed(actor, verb, obj):
        raise NotAllowed(actor, verb)
