"""A GPU cut into instances, as a DCGM exporter shows it: activity and memory by instance, power and clocks of the board repeated.

No *_UTIL family exists with MIG on, and board power must not be summed over instances (captured page of an A100 in three).
"""

from __future__ import annotations

from probes.exposition import Page, Series

PROFILE = "1g.10gb"
#: Of the board and so the same for each instance; the others are an instance's share.
_SHARED = ("CLOCK", "TEMP", "POWER", "XID", "ENERGY", "PCIE", "ROW", "VIOLATION")


def cut(page: Page, *, instances: int) -> Page:
    """The engine runs on instance 0; the others are idle. Its activity is that of the slice it has, as high as the board's was."""
    keys: list[Series] = []
    values: list[float] = []
    for one, value in zip(page.series, page.row, strict=True):
        if one.name.endswith("_UTIL"):
            continue
        for instance in range(instances):
            labels = {**dict(one.labels), "GPU_I_ID": str(instance), "GPU_I_PROFILE": PROFILE}
            keys.append(Series(one.name, tuple(sorted(labels.items()))))
            values.append(_of(one.name, value, instance=instance, instances=instances))
    return Page(tuple(keys), values)


def _of(name: str, value: float, *, instance: int, instances: int) -> float:
    if any(part in name for part in _SHARED):
        return value
    if "_FB_" in name:
        return value / instances
    return value if instance == 0 else 0.0
