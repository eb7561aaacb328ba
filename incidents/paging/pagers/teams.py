"""Microsoft Teams, by a workflow's webhook: an Adaptive Card with buttons that open our pages.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using: a message with one
attachment of type application/vnd.microsoft.card.adaptive, 28 KB at most; 202 is accepted, 429 asks to wait.
"""

from __future__ import annotations

from typing import Any

from incidents.paging.message import Message, text
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome

_COLOUR = {1: "Attention", 2: "Attention", 3: "Warning", 4: "Warning", 5: "Default"}


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    return base.post_json(transport=transport, url=letter.secret, document=card(letter.message))


def card(message: Message) -> dict[str, Any]:
    facts = [
        {"title": "State", "value": message.state},
        {"title": "Service", "value": message.service or "not known"},
        {"title": "To", "value": f"{message.recipient}: {message.reason}"},
    ]
    facts += [{"title": "Found", "value": message.leaf}] if message.leaf else []
    facts += [{"title": "Copy", "value": "it may have reached you before"}] if message.repeated else []
    colour = "Good" if message.kind == "resolved" else _COLOUR[message.severity]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": text(message)[:500], "weight": "Bolder", "wrap": True, "color": colour},
            {"type": "TextBlock", "text": (message.headline or message.title)[:2000], "wrap": True},
            {"type": "FactSet", "facts": facts},
        ],
        "actions": [
            {"type": "Action.OpenUrl", "title": title, "url": url}
            for title, url in (
                ("Acknowledge", message.acknowledge_url),
                ("Open", message.incident_url),
                ("Runbook", message.runbook_url),
            )
            if url
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}
