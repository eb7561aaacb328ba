"""What people do to an incident beside moving it on: roles, people, links, pauses, merging and splitting.

Each function locks the incident, asks whether the actor may, and writes a line into the timeline and the audit log.
"""

from __future__ import annotations

from incidents.command.services.bulk import Done, act
from incidents.command.services.joining import merge, split
from incidents.command.services.pause import snooze, wake, wake_due
from incidents.command.services.people import add_responder, set_links
from incidents.command.services.roles import accept, decline, offer, take, tick

__all__ = [
    "Done",
    "accept",
    "act",
    "add_responder",
    "decline",
    "merge",
    "offer",
    "set_links",
    "snooze",
    "split",
    "take",
    "tick",
    "wake",
    "wake_due",
]
