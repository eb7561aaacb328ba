"""What a status page says, read from published updates alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from incidents.statuspages import history
from incidents.statuspages.history import Day, Message, Story
from incidents.statuspages.models import StatusPage
from incidents.updates.cadence import Audience, Impact, Phase
from incidents.updates.models import StatusUpdate
from observability.core import words
from observability.core.models import Organisation


@dataclass(frozen=True, slots=True)
class Bar:
    """A day as it is drawn: its place from the left, its colour's class, what a pointer reads."""

    x: int
    kind: str
    said: str


@dataclass(frozen=True, slots=True)
class Component:
    """A service as the page shows it."""

    name: str
    impact: Impact
    kind: str
    word: str
    bars: tuple[Bar, ...]
    noticed_days: int


@dataclass(frozen=True, slots=True)
class Board:
    """The whole page."""

    title: str
    about: str
    headline: str
    kind: str
    components: tuple[Component, ...]
    going_on: tuple[Story, ...]
    past: tuple[Story, ...]
    at: datetime


KINDS = {Impact.NONE: "ok", Impact.DEGRADED: "warn", Impact.OUTAGE: "burn"}


def page_of(*, organisation: Organisation) -> StatusPage | None:
    """The organisation's page, or None where it has none yet."""
    return StatusPage.objects.filter(organisation=organisation).first()


def edition(*, page: StatusPage) -> str:
    """What changes whenever the page says something else: a cached copy of another edition is not shown."""
    newest = StatusUpdate.objects.filter(organisation=page.organisation_id, audience=Audience.PUBLIC)
    last = newest.order_by("-at", "-pk").values_list("pk", flat=True).first()
    return f"{page.pk}-{page.changed_at.timestamp()}-{last or 0}"


def board(*, page: StatusPage, now: datetime) -> Board:
    """The page at `now`: three queries, whatever was published. Drills are never shown."""
    stories = _stories(page, now)
    components = []
    for component in page.components.all():
        mine = [story for story in stories if story.service_id == component.service_id]
        impact = history.worst(story.impact for story in mine)
        days = history.days(stories=mine, now=now)
        components.append(
            Component(
                name=component.name,
                impact=impact,
                kind=KINDS[impact],
                word=history.WORDS[impact],
                bars=tuple(Bar(index * 10, KINDS[day.worst], _said(day)) for index, day in enumerate(days)),
                noticed_days=sum(day.worst is not Impact.NONE for day in days),
            )
        )
    going_on = tuple(story for story in stories if story.ended_at is None)
    impacts = [component.impact for component in components]
    return Board(
        title=page.title,
        about=page.about,
        headline=history.headline(impacts=impacts, going_on=len(going_on)),
        kind=KINDS[history.worst([*impacts, *(story.impact for story in going_on)])],
        components=tuple(components),
        going_on=going_on,
        past=tuple(story for story in stories if story.ended_at is not None),
        at=now,
    )


def _stories(page: StatusPage, now: datetime) -> tuple[Story, ...]:
    """What was published of incidents that anything was published of in the last 90 days, or that go on; newest first."""
    published = StatusUpdate.objects.filter(
        organisation=page.organisation_id, audience=Audience.PUBLIC, incident__drill=False
    )
    lately = published.filter(at__gte=now - timedelta(days=history.DAYS)).values("incident")
    closed = published.filter(phase=Phase.RESOLVED).values("incident")
    ours = published.filter(incident__in=lately) | published.exclude(incident__in=closed)
    rows = ours.order_by("incident", "at", "pk").values_list(
        "incident", "incident__service", "at", "phase", "impact", "headline", "text"
    )
    found = []
    for (_, service_id), group in groupby(rows, key=lambda row: row[:2]):
        messages = tuple(
            Message(at=at, phase=Phase(phase), impact=Impact(impact), headline=headline, text=text)
            for _, _, at, phase, impact, headline, text in group
        )
        found.append(Story(service_id=service_id, messages=messages))
    return tuple(sorted(found, key=lambda story: story.began_at, reverse=True))


def _said(day: Day) -> str:
    when = f"{day.on.day} {day.on:%b %Y}"
    if day.worst is Impact.NONE:
        return f"{when}: nothing was noticed"
    return f"{when}: {history.WORDS[day.worst].lower()}, {words.duration(day.noticed.total_seconds())}"
