"""ntfy: a push with a button that acknowledges without opening anything.

https://docs.ntfy.sh/publish/#publish-as-json: the JSON goes to the server's root and names the topic; priority 5 breaks
through the phone's silence; an action of type http sends the POST from the phone itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from incidents.paging.message import Message, text
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome

_PRIORITY = {1: 5, 2: 5, 3: 4, 4: 3, 5: 2}


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    parts = urlsplit(letter.url)
    topic = parts.path.strip("/")
    root = parts._replace(path="/", query="", fragment="").geturl()
    headers = {"Authorization": f"Bearer {letter.secret}"} if letter.secret else {}
    return base.post_json(transport=transport, url=root, document=push(letter.message, topic=topic), headers=headers)


def push(message: Message, *, topic: str) -> dict[str, object]:
    over = message.kind == "resolved"
    actions: list[dict[str, object]] = []
    if message.acknowledge_url:
        acknowledge = {"action": "http", "label": "Acknowledge", "url": message.acknowledge_url, "method": "POST"}
        actions.append({**acknowledge, "clear": True})
    actions.append({"action": "view", "label": "Open", "url": message.incident_url})
    copy = "It may have reached you before. " if message.repeated else ""
    return {
        "topic": topic,
        "title": text(message)[:250],
        "message": f"{copy}{message.headline or message.title}"[:4000],
        "priority": 3 if over else _PRIORITY[message.severity],
        "tags": ["white_check_mark"] if over else ["rotating_light"],
        "click": message.incident_url,
        "actions": actions,
    }
