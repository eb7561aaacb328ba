"""The long tail of services, by Apprise: https://github.com/caronc/apprise. The endpoint's secret is its address there.

Apprise says yes or no and not why, so a no is tried again; it opens its own connections, so only who manages pagers may add
one. Nothing that it sends carries a key to fold by: a copy says that it may be one.
"""

from __future__ import annotations

import apprise

from incidents.paging.message import text
from incidents.paging.pagers import base
from incidents.paging.retry import Outcome


def send(letter: base.Letter, *, transport: base.Transport) -> Outcome:
    service = apprise.Apprise()
    if not service.add(letter.secret):
        return Outcome(status_code=None, error="Apprise does not know such an address", permanent=True, arrived=False)
    message = letter.message
    lines = [message.headline or message.title, f"Open: {message.incident_url}"]
    lines += [f"Acknowledge: {message.acknowledge_url}"] if message.acknowledge_url else []
    lines += ["A copy: it may have reached you before."] if message.repeated else []
    kind = apprise.NotifyType.SUCCESS if message.kind == "resolved" else apprise.NotifyType.FAILURE
    if service.notify(title=text(message), body="\n".join(lines), notify_type=kind):
        return Outcome(status_code=200, error="", permanent=False, arrived=True)
    return Outcome(status_code=None, error="Apprise could not deliver it", permanent=False, arrived=None)
