"""What is kept of the charts between two ticks: one row a chart, float32 but for instants, beside whose chart it is. Pure.

Charts that are new since are unknown; those that are gone are dropped. Bytes of another layout are as good as none: everything is
learned anew from the last hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from sloengine.detection.detector import BETS, Charts, new

Key = tuple[int, str]  # service, signal
_VERSION = b"tw-moved-1"
_ROW = np.dtype(
    [("service", "<i8"), ("signal", "S24")]
    + [(one.name, "<f8", ()) for one in fields(Charts) if one.name in ("begun", "stands")]
    + [(one.name, "<f4", (len(BETS),) if one.name == "evidence" else ()) for one in fields(Charts)
       if one.name not in ("begun", "stands")]
)  # fmt: skip


def dump(charts: Charts, keys: Sequence[Key]) -> bytes:
    rows = np.zeros(len(keys), _ROW)
    rows["service"] = [service for service, _ in keys]
    rows["signal"] = [signal.encode() for _, signal in keys]
    for one in fields(Charts):
        rows[one.name] = getattr(charts, one.name)
    return _VERSION + rows.tobytes()


def load(kept: bytes, keys: Sequence[Key]) -> Charts:
    """The charts of `keys`, in that order."""
    charts = new(len(keys))
    body = bytes(kept)
    if not body.startswith(_VERSION) or (len(body) - len(_VERSION)) % _ROW.itemsize:
        return charts
    rows = np.frombuffer(body, _ROW, offset=len(_VERSION))
    place = {(int(row["service"]), bytes(row["signal"]).decode()): index for index, row in enumerate(rows)}
    found = np.array([place.get(key, -1) for key in keys], np.intp)
    here = found >= 0
    for one in fields(Charts):
        getattr(charts, one.name)[here] = rows[one.name][found[here]]
    return charts
