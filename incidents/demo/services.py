"""Break something in the simulated fleet, and write down what, so that the diagnosis can be judged later."""

from __future__ import annotations

import secrets
from datetime import datetime

import httpx
from django.conf import settings

from incidents.demo.faults import LASTS, TITLES
from incidents.drills import queries as drills
from observability.core import audit, permissions
from observability.core.models import Organisation
from observability.core.permissions import Actor, Verb

TIMEOUT_SECONDS = 5.0


class NothingBroke(Exception):  # it reads as the sentence it is
    """The fleet could not be told; the message says why."""


def break_something(
    *,
    organisation: Organisation,
    actor: Actor,
    now: datetime,
    fault: str | None = None,
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Start one of the faults for 20 minutes, drawn by lot unless named. Nobody is told which: the audit log knows.

    Faults that run are ended first, so that one cause has one incident.
    """
    permissions.require(actor, Verb.START_FAULT, organisation)
    if drills.running(organisation=organisation) is not None:
        raise NothingBroke("A drill runs: end it first, or wait for its end.")
    if not settings.TAILWATCH_DEMO_FLEET_URL:
        raise NothingBroke("There is no simulated fleet here to break: start the demo with `make demo`.")
    name = fault if fault in TITLES else secrets.choice(sorted(TITLES))
    url = settings.TAILWATCH_DEMO_FLEET_URL.rstrip("/") + "/faults"
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport) as client:
            client.delete(url)
            client.post(
                url, json={"fault": name, "action": "start", "seconds": LASTS.total_seconds()}
            ).raise_for_status()
    except httpx.HTTPStatusError as error:
        raise NothingBroke(f"The simulated fleet refused: HTTP {error.response.status_code}.") from error
    except httpx.HTTPError as error:
        raise NothingBroke(f"The simulated fleet does not answer at {url}: {error or type(error).__name__}.") from error
    audit.record(
        actor=actor, verb=Verb.START_FAULT, obj=organisation, now=now, payload={"fault": name, "drawn": fault is None}
    )
