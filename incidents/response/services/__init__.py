"""Every change of an incident: who may, what follows, and its line in the timeline and the audit log.

Each function locks the incident's row, decides by lifecycle.py and returns the incident as it is now. A move that has
already happened returns it unchanged; a move that is not allowed raises MoveRefused, an actor who may not NotAllowed.

opening.py begins, moves.py goes from open to resolved and back, changes.py corrects, holding.py ends answers, links.py answers
by link, rows.py is what they share.
"""

from __future__ import annotations

from collections.abc import Callable

from incidents.response.models import Incident
from incidents.response.services.changes import add_note, change_severity, set_impact_start, take_command
from incidents.response.services.holding import end_answer, expire_answers
from incidents.response.services.links import acknowledge_by_link, resolve_by_link
from incidents.response.services.moves import acknowledge, mitigate, reopen, resolve
from incidents.response.services.opening import RESOLVE_AFTER, declare, open_incident, page
from incidents.response.services.rows import ImpactRefused, MoveRefused, NotCommander, locked, write_timeline

#: What a page's button and the REST interface name by one word.
MOVES: dict[str, Callable[..., Incident]] = {
    "acknowledge": acknowledge,
    "mitigate": mitigate,
    "resolve": resolve,
    "reopen": reopen,
    "command": take_command,
}

__all__ = [
    "MOVES",
    "RESOLVE_AFTER",
    "ImpactRefused",
    "MoveRefused",
    "NotCommander",
    "acknowledge",
    "acknowledge_by_link",
    "add_note",
    "change_severity",
    "declare",
    "end_answer",
    "expire_answers",
    "locked",
    "mitigate",
    "open_incident",
    "page",
    "reopen",
    "resolve",
    "resolve_by_link",
    "set_impact_start",
    "take_command",
    "write_timeline",
]
