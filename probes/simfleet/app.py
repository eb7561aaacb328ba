"""The application that asks a service, as its own page shows it: what the business counts. Its users' matters, settled by an answer."""

from __future__ import annotations

from probes.exposition import Page, series

EVENTS = "business_events_total"
TYPES = {EVENTS: "counter"}
_KEYS = (series(EVENTS, event="settled"),)


def samples(*, settled: int) -> Page:
    return Page(_KEYS, (float(settled),))
