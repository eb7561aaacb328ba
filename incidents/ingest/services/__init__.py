"""receiving.py takes requests, upkeep.py does what time alone does, managing.py is what people do with integrations."""

from __future__ import annotations

from incidents.ingest.services.managing import (
    Unusable,
    add_integration,
    change_integration,
    end_integration,
    new_key,
    sample,
    send_test,
)
from incidents.ingest.services.receiving import (
    Busy,
    Envelope,
    Received,
    Refused,
    note_problem,
    read,
    receive,
    refuse_large,
)
from incidents.ingest.services.upkeep import check_silence, prune_events

__all__ = [
    "Busy",
    "Envelope",
    "Received",
    "Refused",
    "Unusable",
    "add_integration",
    "change_integration",
    "check_silence",
    "end_integration",
    "new_key",
    "note_problem",
    "prune_events",
    "read",
    "receive",
    "refuse_large",
    "sample",
    "send_test",
]
