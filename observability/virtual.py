"""The platform in virtual time: a simulated fleet, a probe, and the beat table, driven by one loop instead of Celery.

Everything but the network between them is the real thing: the fleet's discrete events, the probe's agent, collecting, budgets,
decision tree, pages and the database. A page still leaves over HTTP, to whatever address its endpoint names.

    world = VirtualWorld(organisation=organisation, start=start, seed=1)
    world.fleet.start_fault("traffic-spike")
    world.advance_until(lambda: pager.messages, within=timedelta(minutes=15))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from incidents.actions.executors import base as executors
from incidents.diagnosis import replay
from incidents.diagnosis.replay import Question, ReplayPrompt, Reply
from observability.celery import BEAT
from observability.core import clock
from observability.core.models import Organisation
from observability.fleet_actions import VIRTUAL_URL, FleetGateway, bind
from observability.replays import suite_of
from observability.rounds import Round
from probes.agent import Agent, ScrapeFailed
from probes.canary import Completion
from probes.config import Canary, ProbeConfig, Target, load
from probes.exposition import Page
from probes.prompts import Prompt
from probes.simfleet import probing
from probes.simfleet.fleet import Fleet, FleetConfig, SimTarget, TargetDown, UnknownName, default_config
from sloengine.collect.models import MetricSource
from sloengine.sources import recorded
from sloengine.sources.base import Reading

LONGEST_ANSWER_TOKENS = 64
GATEWAY_SECRET = "of a fleet that never leaves this process"  # noqa: S105 - nobody else could use it
#: Half a tick, and how often the probe scrapes: what is due at once waits 15 virtual seconds at most.
STEP = timedelta(seconds=15)


class FleetTransport:
    """The probe's transport over a fleet in this process: no text, no sockets, the same families."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._found: tuple[tuple[SimTarget, ...], tuple[Target, ...]] = (), ()

    def scrape(self, target: Target) -> Page:
        try:
            return self._fleet.scrape(target.name)
        except TargetDown as down:
            raise ScrapeFailed("connect", str(down)) from down

    def complete(self, canary: Canary, prompt: Prompt) -> Completion:
        answer = self._fleet.complete(canary.service, prompt.text, canary.max_tokens, replica=canary.replica or None)
        return Completion(
            outcome=answer.outcome,
            text=answer.text,
            token_seconds=answer.token_seconds,
            retrieved=answer.retrieved,
        )

    def discover(self, url: str) -> Sequence[Target]:
        """What the fleet's own GET /targets would say."""
        targets = self._fleet.targets
        if targets != self._found[0]:
            self._found = targets, self._translated(targets, url)
        return self._found[1]

    def _translated(self, targets: Sequence[SimTarget], url: str) -> tuple[Target, ...]:
        return tuple(
            Target(
                name=target.name,
                url=url,
                service=target.service,
                kind=target.kind,
                model=target.model,
                version=target.version,
                region=target.region,
                replica=target.replica or target.name,
                gpus=target.gpus,
            )
            for target in targets
        )


class AgentSource:
    """A metric source that reads the probe's canonical series straight from its memory."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def read(self, at: datetime) -> Reading:
        return Reading(at=at, samples=self._agent.samples())


class FleetReplayer:
    """The replay suite over the fleet's stored prompts. Answers at once, for virtual time passes only by `advance`."""

    instant = True

    def __init__(self, fleet: Fleet, config: ProbeConfig) -> None:
        self._fleet = fleet
        self._canaries = {canary.service: canary for canary in reversed(config.canaries)}

    def suite(self, service: str) -> Sequence[ReplayPrompt]:
        canary = self._canaries.get(service)
        return suite_of(canary) if canary else []

    def ask(self, service: str, questions: Sequence[Question]) -> Sequence[Reply]:
        return [self._reply(service, asked) for asked in questions]

    def _reply(self, service: str, asked: Question) -> Reply:
        try:
            answer = self._fleet.complete(service, asked.prompt, LONGEST_ANSWER_TOKENS, asked.version)
        except UnknownName as unknown:
            return Reply(None, str(unknown))
        if answer.outcome != "ok":
            return Reply(None, answer.outcome)
        return Reply(answer.text, seconds=answer.token_seconds[-1] if answer.token_seconds else None)


class VirtualWorld:
    """One fleet and its platform. `now` moves only by `advance`; the core clock follows it."""

    def __init__(
        self,
        *,
        organisation: Organisation,
        start: datetime,
        seed: int = 1,
        config: FleetConfig | None = None,
        step: timedelta = STEP,
        source_name: str = "virtual fleet",
    ) -> None:
        self.organisation = organisation
        self.now = start
        self._step = step
        self._round = Round(BEAT)
        self.fleet = Fleet(config or default_config(), seed=seed, start=start.timestamp())
        probe = probe_config(self.fleet.config)
        self.agent = Agent(probe, FleetTransport(self.fleet), started=start.timestamp())
        self.source_name = source_name
        recorded.register(self.source_name, AgentSource(self.agent))
        replay.register(FleetReplayer(self.fleet, probe))
        executors.use(FleetGateway(self.fleet, secret=GATEWAY_SECRET))

    def bind_actions(self) -> None:
        """Let people run actions on this fleet, through its gateway in memory; without it there are none."""
        bind(
            organisation=self.organisation,
            config=self.fleet.config,
            url=VIRTUAL_URL,
            secret=GATEWAY_SECRET,
            now=self.now,
        )

    def connect(self) -> MetricSource:
        """The row that makes the platform collect from this fleet."""
        return MetricSource.objects.get_or_create(
            organisation=self.organisation,
            name=self.source_name,
            defaults={"kind": MetricSource.Kind.MEMORY, "url": f"memory:{self.source_name}", "simulated": True},
        )[0]

    def advance(self, span: timedelta) -> None:
        """Play the fleet, the probe and the beat table for `span`."""
        end = self.now + span
        while self.now < end:
            self._play_step(min(self.now + self._step, end))

    def advance_until(self, condition: Callable[[], object], *, within: timedelta) -> bool:
        """Play until `condition` holds; False if it has not within the span."""
        end = self.now + within
        while not condition():
            if self.now >= end:
                return False
            self._play_step(self.now + self._step)
        return True

    def _play_step(self, at: datetime) -> None:
        self.now = at
        clock.set_to(at)
        self.fleet.advance(at.timestamp())
        self.agent.tick(at.timestamp())
        self._round.play(now=at)

    def close(self) -> None:
        """Let the clock run again."""
        clock.set_to(None)
        replay.unregister()
        executors.use(None)


def probe_config(fleet: FleetConfig) -> ProbeConfig:
    """How the demo's probe looks at this fleet; the same document that `up --demo` writes to probes.yaml."""
    document = probing.document(fleet, base_url="http://127.0.0.1:9850")
    return load(json.dumps(document), file="probes.yaml of the simulated fleet")


def aligned(at: datetime, seconds: int = 60) -> datetime:
    """The latest multiple of `seconds` at or before `at`: 10:00:42 → 10:00:00."""
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)
