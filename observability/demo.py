"""The demo's past: thirty days of a simulated fleet, with two incidents that really happened to it.

The quiet days come from the load model and are written straight into the tiers; the two incidents are played in virtual time
through the whole path, so their evidence, pages and postmortems are what the platform itself made of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from incidents.learning import services as learning
from incidents.learning.models import Postmortem
from incidents.paging import services as paging
from incidents.paging.models import Page, PagerEndpoint
from incidents.paging.signature import HEADER
from incidents.response import services as response
from observability import demo_setup, installation
from observability.core import permissions
from observability.core.models import Organisation, User
from observability.core.permissions import Actor
from observability.local_pager import LocalPager
from observability.virtual import VirtualWorld, aligned
from probes.simfleet.fleet import FleetConfig, default_config
from probes.simfleet.load import past, past_series
from sloengine.budgets import services as budgets
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.cost.ledger import services as ledger
from sloengine.cost.ledger.models import LedgerCursor
from sloengine.cost.ledger.stretches import hour_of
from sloengine.rollups.services import Chunk, backfill

PAST = timedelta(days=30)
#: The past comes at the steps that the tiers keep: hours, five minutes for the last four days, half minutes for the last seven hours.
MIDDLE_PAST, FINE_PAST = timedelta(days=4), timedelta(hours=7)
HOUR_SECONDS, COARSE_SECONDS, FINE_SECONDS = 3600, 300, 30
TICKS_AT_ONCE = 500
SEED = 7
SOURCE = "demo fleet"


@dataclass(frozen=True, slots=True)
class Story:
    """A fault that the fleet had: so long ago, for so long."""

    fault: str
    ago: timedelta
    lasted: timedelta


STORIES = (
    Story("decode-slowdown", timedelta(days=3, hours=5), timedelta(minutes=8)),
    Story("traffic-spike", timedelta(days=1, hours=2), timedelta(minutes=3)),
)
QUIET_BEFORE = timedelta(minutes=4)  # event by event before each story; the hours before come from the load model
LONGEST = timedelta(minutes=40)

Progress = Callable[[str, float], None]  # what is being done, and the share of the whole that is done


def seed_past(*, organisation: Organisation, now: datetime, probe_url: str, progress: Progress) -> None:
    """Install the demo and give it its past, once: a second call only points the source at `probe_url`."""
    config = default_config()
    source, fresh = MetricSource.objects.get_or_create(
        organisation=organisation,
        name=SOURCE,
        defaults={"kind": MetricSource.Kind.MEMORY, "url": f"memory:{SOURCE}", "simulated": True},
    )
    if fresh:
        with LocalPager() as pager:
            _seed(
                organisation=organisation,
                source=source,
                config=config,
                now=aligned(now),
                pager=pager,
                progress=progress,
            )
    source.kind, source.url = MetricSource.Kind.SCRAPE, probe_url
    source.save(update_fields=["kind", "url"])


def _seed(
    *,
    organisation: Organisation,
    source: MetricSource,
    config: FleetConfig,
    now: datetime,
    pager: LocalPager,
    progress: Progress,
) -> None:
    began = now - PAST
    pagers: list[PagerEndpoint] = []

    def give_pager(person: User, actor: Actor, at: datetime) -> None:
        pagers.append(paging.add_demo_pager(organisation=organisation, user=person, actor=actor, now=at))

    progress("people, services and objectives", 0.0)
    people = installation.install(organisation=organisation, config=config, now=began, give_pager=give_pager).people
    schedule = demo_setup.rota(organisation=organisation, people=people, now=began)
    _begin_ledger(organisation, began)
    inboxes = {endpoint.pk: endpoint.url for endpoint in pagers}
    _point(pagers, {endpoint.pk: pager.url for endpoint in pagers})
    edge = began
    for done, story in enumerate(STORIES):
        start = aligned(now - story.ago, COARSE_SECONDS)
        progress(f"{(start - edge).days} quiet days", 0.05 + 0.4 * done)
        _quiet(source, config, start=edge, end=start, now=now)
        progress(f"the {story.fault} of {start:%d %B}", 0.2 + 0.4 * done)
        edge = _play(organisation, source, story, start=start, pager=pager)
    progress("the days since", 0.85)
    _quiet(source, config, start=edge, end=now, now=now)
    progress("who used how much", 0.9)
    while ledger.close_hours(now=now):  # a day of each service at a time
        pass
    progress("error budgets", 0.97)
    budgets.evaluate_due(now=now)
    demo_setup.furnish(organisation=organisation, people=people, schedule=schedule, now=now)
    _point(pagers, inboxes)
    _keep_messages(pager, inboxes)
    progress("done", 1.0)


def _begin_ledger(organisation: Organisation, began: datetime) -> None:
    """The ledger of the fleet begins with its past, so that contracts, budgets and what-if have something to say."""
    services = Service.objects.filter(organisation=organisation)
    LedgerCursor.objects.bulk_create([LedgerCursor(service=service, until=hour_of(began)) for service in services])


def _point(endpoints: list[PagerEndpoint], urls: dict[int, str]) -> None:
    """While the past is played no web server answers yet: messages go to a receiver in this process."""
    for endpoint in endpoints:
        endpoint.url = urls[endpoint.pk]
        endpoint.save(update_fields=["url"])


def _keep_messages(pager: LocalPager, inboxes: dict[int, str]) -> None:
    """The demo pager shows what was sent in the past, too."""
    for received in pager.received:
        page = Page.objects.filter(pk=received.message["page"]).first()
        if page is None:  # that a shift begins is no page
            continue
        paging.receive_demo_message(
            token=urlsplit(inboxes[page.endpoint_id]).path.strip("/").rpartition("/")[2],
            body=received.body,
            signature=received.headers[HEADER.lower()],
            payload=json.loads(received.body),
            now=page.sent_at or page.created_at,
        )


def _quiet(source: MetricSource, config: FleetConfig, *, start: datetime, end: datetime, now: datetime) -> None:
    first = start
    for until, step in (
        (aligned(now - MIDDLE_PAST, HOUR_SECONDS), HOUR_SECONDS),
        (aligned(now - FINE_PAST, COARSE_SECONDS), COARSE_SECONDS),
        (now, FINE_SECONDS),
    ):
        last = min(end, until)
        if first < last:
            backfill(source=source, chunks=_chunks(config, first, last, step), now=now)
            first = last
    source.refresh_from_db()


def _chunks(config: FleetConfig, start: datetime, end: datetime, step_seconds: int) -> Iterator[Chunk]:
    series = past_series(config)
    ticks = past(config, seed=SEED, start=start.timestamp(), end=end.timestamp(), step_seconds=step_seconds)
    while batch := list(islice(ticks, TICKS_AT_ONCE)):
        yield Chunk(
            ticks=[datetime.fromtimestamp(tick.at, UTC) for tick in batch],
            series=series,
            amounts=np.array([tick.values for tick in batch]),
        )


def _play(
    organisation: Organisation, source: MetricSource, story: Story, *, start: datetime, pager: LocalPager
) -> datetime:
    """Break, page, acknowledge, mend, resolve, publish what was learnt; the instant at which the quiet goes on."""
    world = VirtualWorld(organisation=organisation, start=start, seed=SEED, source_name=SOURCE)
    told = len(_calls(pager))
    try:
        world.advance(QUIET_BEFORE)
        world.fleet.start_fault(story.fault)
        world.advance_until(lambda: len(_calls(pager)) > told, within=LONGEST)
        world.advance(timedelta(seconds=50))
        _acknowledge(_calls(pager)[told]["links"]["acknowledge"], world.now)
        world.advance(max(start + QUIET_BEFORE + story.lasted - world.now, timedelta()))
        world.fleet.stop_fault(story.fault)
        open_incidents = organisation.incidents.exclude(state="resolved")
        world.advance_until(lambda: not open_incidents.exists(), within=LONGEST)
        _publish(organisation, world.now)
        return aligned(world.now, FINE_SECONDS)
    finally:
        world.close()
        source.refresh_from_db()


def _calls(pager: LocalPager) -> list[dict[str, Any]]:
    """The messages that can be acknowledged: not the words that a shift begins, not that an incident is over."""
    return [message for message in pager.messages if message["links"]["acknowledge"]]


def _acknowledge(url: str, now: datetime) -> None:
    response.acknowledge_by_link(token=urlsplit(url).path.strip("/").rpartition("/")[2], now=now)


def _publish(organisation: Organisation, now: datetime) -> None:
    for draft in Postmortem.objects.filter(incident__organisation=organisation, state="draft"):
        learning.publish_postmortem(postmortem=draft, actor=permissions.system(organisation), now=now)
