"""A command of the probe's own allow-list: named here, written there. The probe remembers keys until it restarts."""

from __future__ import annotations

from incidents.actions.course import Progress, Result
from incidents.actions.executors import base

FORGOTTEN = 410


def send(order: base.Order) -> Result:
    if order.undo:
        return Result(progress=Progress.FAILED, detail="a command cannot be taken back; name one that does")
    arguments = dict(order.settings.get("arguments", {}))
    posted = base.post(
        url=f"{order.address(str(order.settings['url']))}/commands/{order.settings['command']}",
        document={
            "key": order.key,
            "arguments": {name: order.filled(str(value)) for name, value in arguments.items()},
            "dry_run": order.rehearse,
            "only_if_known": order.perhaps,
        },
        headers={},
        secret=order.secrets["secret"],
        at=order.at,
    )
    if posted.status_code == FORGOTTEN:
        return Result(progress=Progress.UNKNOWN, detail="the probe restarted since and remembers no such order")
    return base.read(posted)
