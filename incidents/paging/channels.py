"""What each kind of pager is: what it needs, what it can fold, how much it takes, and what it should hear.

The limits are the vendors' own: PagerDuty ingests about 120 events a minute and key, a Slack webhook about one message a
second, carriers drop texts from numbers that send faster than one a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Heard(StrEnum):
    """Kinds of page, as `Page.Kind` has them."""

    OPENED = "opened"
    ESCALATED = "escalated"
    RAISED = "raised"
    ASKED = "asked"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


_CALLS = frozenset({Heard.OPENED, Heard.ESCALATED, Heard.RAISED, Heard.ASKED})
_NEWS = _CALLS | {Heard.RESOLVED, Heard.REMINDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """`asks_...` is what a form asks for, in that vendor's words; where it is "", it asks for nothing. The key is kept encrypted.

    folds       the vendor drops a second copy with the same key
    bundles     several pages that are due at once become one message: nobody reads the fifth text of a storm
    per_minute  messages that an endpoint takes
    verified    nothing but its code is sent before its owner has typed the code in
    managed     only who manages pagers may add it
    shared      may stand for a room or a service of the vendor instead of a person
    """

    kind: str
    title: str
    asks_url: str = ""
    url_default: str = ""
    asks_address: str = ""
    asks_key: str = ""
    hears: frozenset[Heard] = _NEWS
    folds: bool = False
    bundles: bool = False
    per_minute: int = 60
    verified: bool = False
    managed: bool = False
    shared: bool = False


CHANNELS = {
    channel.kind: channel
    for channel in (
        Channel(
            kind="webhook", title="Webhook", asks_url="Address, https://...", folds=True, per_minute=600, shared=True
        ),
        Channel(kind="demo", title="Demo pager", folds=True, per_minute=600),
        Channel(
            kind="pagerduty",
            title="PagerDuty",
            asks_url="Events API, the EU one is https://events.eu.pagerduty.com/v2/enqueue",
            url_default="https://events.pagerduty.com/v2/enqueue",
            asks_key="Integration key of an Events API v2 integration",
            hears=_CALLS | {Heard.RESOLVED, Heard.ACKNOWLEDGED},
            folds=True,
            per_minute=120,
            shared=True,
        ),
        Channel(
            kind="slack",
            title="Slack",
            asks_address="Your Slack member ID, such as U024BE7LH, so that the button knows you",
            asks_key="Incoming webhook address",
            hears=_NEWS | {Heard.ACKNOWLEDGED},
            shared=True,
        ),
        Channel(
            kind="teams",
            title="Microsoft Teams",
            asks_key="Workflow webhook address",
            hears=_NEWS | {Heard.ACKNOWLEDGED},
            per_minute=30,
            shared=True,
        ),
        Channel(kind="email", title="E-mail", asks_address="E-mail address", bundles=True, per_minute=30, shared=True),
        Channel(
            kind="ntfy",
            title="ntfy push",
            asks_url="Topic, such as https://ntfy.sh/a-name-nobody-guesses",
            asks_key="Access token, where the topic needs one",
            bundles=True,
        ),
        Channel(
            kind="sms",
            title="Text message",
            asks_address="Number in international form, such as +436641234567",
            hears=_CALLS | {Heard.REMINDED},
            bundles=True,
            per_minute=10,
            verified=True,
        ),
        Channel(
            kind="voice",
            title="Phone call",
            asks_address="Number in international form, such as +436641234567",
            hears=_CALLS,  # each by itself: a key answers one incident, the one that was said
            per_minute=4,
            verified=True,
        ),
        Channel(
            kind="apprise",
            title="Another service, by Apprise",
            asks_key="Apprise address, such as matrix://user:password@host/#room",
            bundles=True,
            managed=True,
            shared=True,
        ),
    )
}


def hears(kind: str, page: str) -> bool:
    """Whether an endpoint of this kind is told: a phone does not ring because it is over."""
    return Heard(page) in CHANNELS[kind].hears
