"""What is wrong with a GPU, derived from its readings and from what its replica does. Pure.

A severity is 3 (take it out of service), 2 (degraded) or 1 (evidence only). Where nothing is wrong there is no series.

    off_bus             3   the driver has lost the GPU, or it is gone from the bus
    hang                3   busy for a minute, requests running, not one token: a spinning rank reads 100 % and produces nothing
    xid_<code>          1-3 for an hour after the event, by what NVIDIA publishes (probes.xid)
    ecc_uncorrected     3   for an hour after the count of uncorrected memory errors grew
    row_remap_failed    3   no spare row was left: the board is to be replaced
    recovery_<action>   3   the driver itself asks for a reset or a reboot
    row_remap_pending   1   a replaced row waits for the next reset
    throttled_<reason>  2   clocks held down for over 10 % of five minutes by heat or by a power brake
                        1   the same by the power limit or sync boost, which a busy board meets all day (NVIDIA/DCGM#285)
    uneven              1   spread over 15 points (R1)
    imbalance           1   the GPUs of one replica differ by over 15 points (R1)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

from probes import xid
from probes.exposition import Labels, Samples, Series
from probes.signals import PREFIX

WINDOW_SECONDS = 300.0
THROTTLED_RATIO = 0.10
LASTING_SECONDS = 3600.0
HANG_SECONDS, HANG_BUSY_RATIO = 60.0, 0.95
#: A rank that waits for another spins on its multiprocessors without any matrix work.
HANG_TENSOR_RATIO = 0.05
UNEVEN_POINTS = 15.0  # REQUIREMENTS R1
STALE_SECONDS = 900.0
LIMIT = 4096  # GPUs followed
NORMAL_REASONS = frozenset({"power_cap", "sync_boost"})

_UTILISATION = f"{PREFIX}gpu_utilisation_ratio"
_TENSOR = f"{PREFIX}gpu_tensor_activity_ratio"
_THROTTLED = f"{PREFIX}gpu_throttled_seconds_total"
_ECC = f"{PREFIX}gpu_ecc_errors_total"
_STATE = f"{PREFIX}gpu_state"
_REMAPS = {
    f"{PREFIX}gpu_row_remap_failed": ("row_remap_failed", 3),
    f"{PREFIX}gpu_row_remap_pending": ("row_remap_pending", 1),
}
#: The families that a fault is derived from.
FAMILIES = frozenset({_UTILISATION, _TENSOR, _THROTTLED, _ECC, _STATE, *_REMAPS})


class _Gpu:
    def __init__(self) -> None:
        self.throttled: dict[str, deque[tuple[float, float]]] = {}  # reason to moments and the driver's total
        self.uncorrected: float | None = None
        self.until: dict[str, tuple[float, int]] = {}  # fault to its end and severity
        self.now: dict[str, int] = {}
        self.read_at = 0.0


class FaultBook:
    def __init__(self) -> None:
        self._gpus: dict[Labels, _Gpu] = {}

    def xid(self, *, now: float, labels: Labels, code: int) -> None:
        if (gpu := self._of(labels)) is not None:
            gpu.read_at = now
            gpu.until[f"xid_{code}"] = now + LASTING_SECONDS, xid.LEVELS[xid.known(code).severity]

    def read(
        self, *, now: float, samples: Mapping[Series, float], of: Collection[Series], stalled: Mapping[str, float]
    ) -> None:
        """`of`: the series of one page or machine that a fault is derived from; `stalled`: replica to seconds without a token."""
        busy: dict[Labels, dict[str, float]] = {}
        for one in of:
            labels = tuple(pair for pair in one.labels if pair[0] not in ("reason", "state"))
            if (gpu := self._of(labels)) is None:
                continue
            if labels not in busy:
                busy[labels], gpu.now, gpu.read_at = {}, {}, now
            value = samples[one]
            if one.name in (_UTILISATION, _TENSOR):
                busy[labels][one.name] = value
            elif one.name == _THROTTLED:
                self._held_down(gpu, one.label("reason") or "", now, value)
            elif one.name == _ECC and one.label("reason") == "uncorrected":
                if gpu.uncorrected is not None and value > gpu.uncorrected:
                    gpu.until["ecc_uncorrected"] = now + LASTING_SECONDS, 3
                gpu.uncorrected = value
            elif one.name in _REMAPS and value:
                fault, severity = _REMAPS[one.name]
                gpu.now[fault] = severity
            elif one.name == _STATE and (state := one.label("state") or ""):
                if state == "lost":
                    gpu.now["off_bus"] = 3
                elif state.startswith("recovery_"):
                    gpu.now[state] = 3
        for labels, found in busy.items():
            if _hangs(found, stalled.get(dict(labels).get("replica", ""), 0.0)):
                self._gpus[labels].now["hang"] = 3

    def samples(self, *, now: float, spread: Mapping[Series, float]) -> Samples:
        """`spread`: the series of probes.spread."""
        out: Samples = {}
        for labels, gpu in list(self._gpus.items()):
            if now - gpu.read_at > STALE_SECONDS:
                del self._gpus[labels]  # its page is gone, or it carries another replica now
                continue
            gpu.until = {fault: (end, level) for fault, (end, level) in gpu.until.items() if now < end}
            faults = {**gpu.now, **{fault: level for fault, (_, level) in gpu.until.items()}}
            for fault, level in faults.items():
                out[_series(labels, fault)] = float(level)
        for one, points in spread.items():
            if points > UNEVEN_POINTS:
                labels = tuple(pair for pair in one.labels if pair[0] != "reason")
                if one.label("gpu") is None:
                    out[_series((("gpu", "all"), *labels), "imbalance")] = 1.0
                else:
                    out[_series(labels, "uneven")] = 1.0
        return out

    def _of(self, labels: Labels) -> _Gpu | None:
        if (found := self._gpus.get(labels)) is None and len(self._gpus) < LIMIT:
            found = self._gpus[labels] = _Gpu()
        return found

    def _held_down(self, gpu: _Gpu, reason: str, now: float, total: float) -> None:
        seen = gpu.throttled.setdefault(reason, deque(maxlen=301))
        if seen and (total < seen[-1][1] or now <= seen[-1][0]):
            seen.clear()  # the driver was loaded anew, or the clock set back
        seen.append((now, total))
        while len(seen) > 2 and seen[1][0] <= now - WINDOW_SECONDS:
            seen.popleft()
        lasted = now - seen[0][0]
        if lasted > 0 and (total - seen[0][1]) / max(lasted, HANG_SECONDS) > THROTTLED_RATIO:
            gpu.now[f"throttled_{reason}"] = 1 if reason in NORMAL_REASONS else 2


def _hangs(found: Mapping[str, float], stalled_seconds: float) -> bool:
    """Busy without matrix work, or busy where nobody can say what with, while requests run and no token comes."""
    if stalled_seconds < HANG_SECONDS or found.get(_UTILISATION, 0.0) < HANG_BUSY_RATIO:
        return False
    return found.get(_TENSOR, 0.0) < HANG_TENSOR_RATIO


def _series(labels: Labels, reason: str) -> Series:
    return Series(f"{PREFIX}gpu_fault_severity", tuple(sorted((*labels, ("reason", reason)))))
