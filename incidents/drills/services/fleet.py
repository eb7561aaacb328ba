"""What is said to the simulated fleet: what can be broken, break it, end it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from django.conf import settings

from observability.core.refusals import Refused

TIMEOUT_SECONDS = 5.0


class DrillRefused(Refused):
    """No drill can begin, or this one cannot be changed; the message says why."""


@dataclass(frozen=True, slots=True)
class Breakable:
    """A fault that the fleet offers."""

    name: str
    title: str
    what: str
    service: str
    expected_leaf: str


def faults(*, transport: httpx.BaseTransport | None = None) -> tuple[Breakable, ...]:
    """What can be broken, as the fleet says it: what does no harm is no drill. Raises DrillRefused where it cannot be asked."""
    document = say("GET", None, transport)
    listed = document.get("faults")
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return tuple(
        Breakable(
            name=str(one.get("name", "")),
            title=str(one.get("title") or one.get("name", "")),
            what=str(one.get("what", "")),
            service=str(one.get("service", "")),
            expected_leaf=str(one.get("expected_leaf") or one.get("name", "")),
        )
        for one in rows
        if not one.get("benign")
    )


def say(method: str, body: Mapping[str, object] | None, transport: httpx.BaseTransport | None) -> Mapping[str, object]:
    """One word to the fleet. Raises DrillRefused with what went wrong."""
    if not settings.TAILWATCH_DEMO_FLEET_URL:
        raise DrillRefused("There is no simulated fleet here: start the demo with `make demo`.")
    url = settings.TAILWATCH_DEMO_FLEET_URL.rstrip("/") + "/faults"
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport) as client:
            answer = client.request(method, url, json=body)
            answer.raise_for_status()
            found = answer.json() if answer.content else {}
    except httpx.HTTPStatusError as error:
        raise DrillRefused(f"The simulated fleet refused: HTTP {error.response.status_code}.") from error
    except httpx.HTTPError as error:
        raise DrillRefused(f"The simulated fleet does not answer at {url}: {error or type(error).__name__}.") from error
    except ValueError as error:
        raise DrillRefused(f"The simulated fleet answered no JSON at {url}.") from error
    return found if isinstance(found, dict) else {}
