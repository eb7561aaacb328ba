"""A webhook body of the user's own: JSON whose texts may hold {names}, checked when it is saved, not when it must be sent.

{"text": "{severity} {incident}: {headline}", "link": "{incident_url}"}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from incidents.paging.message import Message, text

_NAME = re.compile(r"\{([a-z_]*)\}")
MEANING = {
    "kind": "opened, escalated, raised, acknowledged or resolved",
    "text": "one line for a small screen",
    "incident": "INC-4",
    "severity": "SEV2",
    "state": "open, acknowledged, mitigated or resolved",
    "title": "the incident's title",
    "headline": "the diagnosis in one sentence",
    "service": "the service, or nothing",
    "leaf": "what the decision tree found, or nothing",
    "recipient": "who is told",
    "reason": "why they are",
    "dedup_key": "the same for all messages of an incident",
    "incident_url": "the incident's page",
    "runbook_url": "its runbook, or nothing",
    "acknowledge_url": "the recipient's own link, or nothing",
}


def values(message: Message) -> dict[str, str]:
    """What each name stands for in this message."""
    return {
        "kind": message.kind,
        "text": text(message),
        "incident": f"INC-{message.number}",
        "severity": f"SEV{message.severity}",
        "state": message.state,
        "title": message.title,
        "headline": message.headline,
        "service": message.service or "",
        "leaf": message.leaf or "",
        "recipient": message.recipient,
        "reason": message.reason,
        "dedup_key": message.dedup_key,
        "incident_url": message.incident_url,
        "runbook_url": message.runbook_url or "",
        "acknowledge_url": message.acknowledge_url or "",
    }


def parse(source: str) -> dict[str, Any]:
    """A template from its JSON; raises ValueError that says where it is wrong and what may stand there."""
    try:
        shape = json.loads(source)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: found {error.msg}, expected JSON") from None
    if not isinstance(shape, dict):
        raise ValueError(f"found {type(shape).__name__}, expected a JSON object")
    for name in _names(shape):
        if name not in MEANING:
            raise ValueError(f"found {{{name}}}, expected one of {', '.join(MEANING)}")
    return shape


def filled(shape: Mapping[str, Any], message: Message) -> bytes:
    """The body: every name in every text replaced; numbers, lists and objects stay as they are."""
    known = values(message)

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            return _NAME.sub(lambda found: known.get(found[1], found[0]), part)
        if isinstance(part, list):
            return [fill(one) for one in part]
        return {key: fill(one) for key, one in part.items()} if isinstance(part, dict) else part

    return json.dumps(fill(shape), ensure_ascii=False).encode()


def _names(part: Any) -> list[str]:
    if isinstance(part, str):
        return _NAME.findall(part)
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [name for one in parts for name in _names(one)]
