"""Where a reader can go: every page of the main navigation once, in groups, with the key that leads there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One page: its name, the name of its address, and the letter that follows `g`. Views say `here` to be marked."""

    name: str
    address: str
    here: str
    key: str = ""
    demo: bool = False  # only where a simulated fleet can be broken


@dataclass(frozen=True, slots=True)
class Group:
    """Pages of one purpose, under one heading."""

    title: str
    places: Sequence[Place]


GROUPS = (
    Group(
        "Respond",
        (
            Place("Now", "now", "now", "n"),
            Place("Incidents", "incidents", "incidents", "i"),
            Place("Alerts", "alerts", "alerts", "a"),
            Place("Silences", "silences", "silences", "q"),
            Place("Maintenance", "maintenance", "maintenance", "m"),
            Place("Status page", "status_settings", "status", "u"),
        ),
    ),
    Group(
        "Paging",
        (
            Place("On call", "oncall", "oncall", "o"),
            Place("Escalation", "policies", "policies", "w"),
            Place("My paging", "my_paging", "mine", "y"),
            Place("Pages", "pages", "pages", "p"),
            Place("Pagers", "pagers", "pagers", "h"),
            Place("Demo pager", "demo_pager", "demo", demo=True),
        ),
    ),
    Group(
        "Promises",
        (
            Place("SLOs", "slos", "slos", "s"),
            Place("Cost", "cost", "cost", "b"),
            Place("Dashboards", "dash_executive", "dash", "d"),
        ),
    ),
    Group(
        "Learn",
        (
            Place("Runbooks", "runbooks", "runbooks", "r"),
            Place("Decision tree", "tree", "tree", "x"),
            Place("Signals", "signals", "signals", "v"),
            Place("Drills", "drills", "drills", "e"),
            Place("Postmortems", "postmortems", "postmortems", "l"),
            Place("How fast", "incident_times", "times", "f"),
        ),
    ),
    Group(
        "Set up",
        (
            Place("Integrations", "integrations", "integrations", "c"),
            Place("Routes", "routes", "routes", "t"),
            Place("Actions", "actions", "actions", "k"),
            Place("API tokens", "tokens", "tokens"),
            Place("Preferences", "preferences", "preferences", ","),
        ),
    ),
)

#: What a phone shows beside the menu, without a tap more.
IN_BAR = ("now", "incidents", "oncall")
SHORT = tuple(place for group in GROUPS for place in group.places if place.here in IN_BAR)
