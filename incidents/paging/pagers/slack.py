"""Slack, by an incoming webhook: one line, the headline, and buttons.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: 200 "ok" is accepted; 400, 403, 404 and 410 will
not become right; 429 carries Retry-After. A header takes 150 characters, a section 3,000.
"""

from __future__ import annotations

from typing import Any

from incidents.paging.message import Message, text
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    document = card(letter.message, interactive=letter.interactive)
    return base.post_json(transport=transport, url=letter.secret, document=document)


def card(message: Message, *, interactive: bool) -> dict[str, Any]:
    """`interactive`: the organisation's Slack app answers buttons (docs/paging.md); else the button is the person's link."""
    line = text(message)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": line[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": _escaped(message.headline or message.title)[:3000]}},
    ]
    facts = [f"*{message.state}*", f"to {message.recipient}: {message.reason}"]
    facts += ["a copy: it may have reached you before"] if message.repeated else []
    facts += ["simulated fleet"] if message.simulated else []
    blocks.append(
        {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(_escaped(fact) for fact in facts)}]}
    )
    buttons = [_link("Open", message.incident_url)]
    if message.runbook_url:
        buttons.append(_link("Runbook", message.runbook_url))
    if message.kind not in {"resolved", "acknowledged"}:
        if interactive:
            buttons.insert(0, _button("Acknowledge", "acknowledge", message))
            buttons.append(_button("Resolve", "resolve", message))
        elif message.acknowledge_url:
            buttons.insert(0, _link("Acknowledge", message.acknowledge_url, style="primary"))
    blocks.append({"type": "actions", "elements": buttons})
    return {"text": line[:3000], "blocks": blocks}


def _link(label: str, url: str, **more: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url, **more}


def _button(label: str, action: str, message: Message) -> dict[str, Any]:
    named = {"type": "button", "text": {"type": "plain_text", "text": label}, "action_id": action}
    return named | {"value": str(message.number)} | ({"style": "primary"} if action == "acknowledge" else {})


def _escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
