"""A signed webhook: POST of the order, with its key. The same key again asks how far it is."""

from __future__ import annotations

from incidents.actions.course import Result
from incidents.actions.executors import base


def send(order: base.Order) -> Result:
    document = {
        "key": order.key,
        "action": order.action,
        "service": order.service,
        "incident": order.incident,
        "parameters": dict(order.parameters),
        "dry_run": order.rehearse,
    }
    if order.undo:
        document["undo"] = order.undo
    posted = base.post(
        url=order.address(str(order.settings["url"])),
        document=document,
        headers={"Idempotency-Key": order.key},
        secret=order.secrets["secret"],
        at=order.at,
    )
    return base.read(posted)
