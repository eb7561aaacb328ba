"""How people work an incident, as its page and its router ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db.models import Q, QuerySet

from incidents.alerts.models import Alert
from incidents.command import roles
from incidents.command.models import Duty
from incidents.command.roles import Brief, Role
from incidents.response.models import Incident
from incidents.updates import queries as updates
from incidents.updates.models import StatusUpdate, UpdateReminder
from observability.core.models import Organisation, User
from observability.core.permissions import Actor, Verb, allowed

CHECKLISTS = Path(__file__).parent / "checklists.yaml"
MOST_CHOICES = 200


@cache
def briefs() -> Mapping[Role, Brief]:
    """What each role is for, with its checklist."""
    return roles.parse(source=CHECKLISTS.read_text(encoding="utf-8"), file=CHECKLISTS.name)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a checklist and whether it is done."""

    key: str
    text: str
    done: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A role as the page shows it to one person."""

    brief: Brief
    holder: User | None
    offered_to: User | None
    lines: tuple[Line, ...]
    mine: bool
    offered_to_me: bool

    @property
    def role(self) -> Role:
        return self.brief.role

    @property
    def done(self) -> int:
        """How many lines of the checklist are done."""
        return sum(line.done for line in self.lines)


@dataclass(frozen=True, slots=True)
class Command:
    """Everything that the incident page says of how people work it."""

    posts: tuple[Post, ...]
    updates: tuple[StatusUpdate, ...]
    reminders: tuple[UpdateReminder, ...]
    published: StatusUpdate | None
    merged: tuple[Incident, ...]
    parts: tuple[Incident, ...]
    people: tuple[User, ...]
    others: tuple[Incident, ...]
    alerts: tuple[Alert, ...]
    speaks: bool
    lowers: bool

    @property
    def mine(self) -> tuple[Post, ...]:
        """The roles that the reader holds."""
        return tuple(post for post in self.posts if post.mine)

    @property
    def unclosed(self) -> bool:
        """Whether the status page still says that it goes on."""
        return self.published is not None and self.published.phase != "resolved"


def posts(*, incident: Incident, actor: Actor) -> tuple[Post, ...]:
    """The four roles, whoever holds them."""
    duties = {
        Role(duty.role): duty for duty in Duty.objects.filter(incident=incident).select_related("holder", "offered_to")
    }
    return tuple(_post(brief, duties.get(role), incident, actor) for role, brief in briefs().items())


def _post(brief: Brief, duty: Duty | None, incident: Incident, actor: Actor) -> Post:
    holder = incident.commander if brief.role is Role.COMMANDER else duty.holder if duty is not None else None
    offered_to = duty.offered_to if duty is not None else None
    ticked = set(duty.ticked) if duty is not None else set()
    return Post(
        brief=brief,
        holder=holder,
        offered_to=offered_to,
        lines=tuple(Line(item.key, item.text, item.key in ticked) for item in brief.items),
        mine=holder is not None and holder.pk == actor.user_id,
        offered_to_me=offered_to is not None and offered_to.pk == actor.user_id,
    )


def load(*, incident: Incident, actor: Actor, part: str = "") -> Command:
    """For the whole page; of a part only what the side shows: the choices of forms are read once."""
    told = tuple(updates.updates(incident=incident)) if part in {"", "side"} else ()
    held = posts(incident=incident, actor=actor) if part in {"", "side"} else ()
    forms = not part and incident.is_open
    speaking = {Role.COMMANDER, Role.COMMUNICATIONS}
    kin = tuple(_kin(incident)) if part in {"", "top"} else ()
    return Command(
        posts=held,
        updates=told,
        reminders=tuple(updates.reminders(incident=incident)) if part in {"", "side"} else (),
        published=next((update for update in told if update.audience == "public"), None),
        merged=tuple(one for one in kin if one.merged_into_id == incident.pk),
        parts=tuple(one for one in kin if one.split_from_id == incident.pk),
        people=tuple(people(organisation=incident.organisation)[:MOST_CHOICES]) if forms else (),
        others=tuple(_others(incident)[:MOST_CHOICES]) if forms else (),
        alerts=tuple(sorted(incident.alerts.all(), key=lambda one: (one.starts_at, one.pk))[:MOST_CHOICES])
        if forms
        else (),
        speaks=allowed(actor, Verb.PUBLISH_UPDATE, incident)
        or any(post.mine for post in held if post.role in speaking),
        lowers=allowed(actor, Verb.LOWER_SEVERITY, incident) or incident.commander_id == actor.user_id,
    )


def _kin(incident: Incident) -> QuerySet[Incident]:
    """What this one swallowed, and what was split from it."""
    found = Incident.objects.filter(Q(merged_into=incident) | Q(split_from=incident))
    return found.defer("diagnosis").order_by("number")


def people(*, organisation: Organisation) -> QuerySet[User]:
    """Who can be called in."""
    return User.objects.filter(memberships__organisation=organisation, is_active=True).order_by("username")


def person(*, organisation: Organisation, username: str) -> User | None:
    """The member of that name."""
    return people(organisation=organisation).filter(username=username).first()


def _others(incident: Incident) -> QuerySet[Incident]:
    found = Incident.objects.unresolved().filter(organisation=incident.organisation).exclude(pk=incident.pk)
    return found.select_related("service").defer("diagnosis").order_by("-opened_at", "-pk")


def duties(*, incidents: Sequence[Incident]) -> QuerySet[Duty]:
    """The roles held in these incidents."""
    return Duty.objects.filter(incident__in=incidents).select_related("holder", "offered_to")
