"""XID errors: what NVIDIA publishes about each code, as a severity. Pure data.

Severity: NVIDIA's own table of fatal and non-fatal codes with their first action, read in November 2026 in NVSentinel
(github.com/NVIDIA/NVSentinel, distros/kubernetes/nvsentinel/charts/gpu-health-monitor/xiderrorsmapping.csv); the actions are those of
the Xid catalogue (https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, "Immediate Action"). 94, a contained
memory error, is not fatal there and a warning here, because a row waits to be replaced. A code that the table expects of no
data-centre GPU is "unlisted". Not all come through the driver's events: DCGM never got 62 (github.com/NVIDIA/DCGM/issues/235).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEVERITIES = ("critical", "warning", "application", "information", "unlisted")
#: As a number: 3 take the GPU out of service, 2 degraded, 1 evidence only.
LEVELS: Mapping[str, int] = {"critical": 3, "warning": 2, "application": 1, "information": 1, "unlisted": 2}


@dataclass(frozen=True, slots=True)
class Xid:
    severity: str
    action: str  # what NVIDIA says is to be done first


def _codes(*parts: int | range) -> frozenset[int]:
    return frozenset(code for part in parts for code in ((part,) if isinstance(part, int) else part))


_TABLE: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("critical", "reset the GPU", _codes(46, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158, 162)),
    ("critical", "restart the machine", _codes(79, 160)),
    ("critical", "drain, then follow NVIDIA's steps for double-bit errors", _codes(48)),
    ("critical", "drain, then follow NVIDIA's steps for NVLink errors", _codes(74, range(144, 151))),
    ("critical", "check power and cables", _codes(54)),
    ("critical", "restart the virtual machine", _codes(151)),
    # An error that hit one application and was contained: the application ends, the row is replaced at the next reset.
    ("warning", "restart the application", _codes(94)),
    ("application", "restart the application", _codes(
        8, 11, 13, 25, 31, 32, 39, 40, 41, 60, range(68, 73), 75, 76, 77, 80, range(82, 87), 88, 89, range(96, 106), range(126, 136), 139,
    )),
    ("application", "look for the XID before it", _codes(45, 154, 159)),
    ("information", "nothing", _codes(14, 37, 38, 43, 44, 63, 66, 67, 92, 93, 106, 107, 121, 137, 141, 152, 153, 157, 161)),
)  # fmt: skip

KNOWN: Mapping[int, Xid] = {code: Xid(severity, action) for severity, action, codes in _TABLE for code in codes}
_UNLISTED = Xid("unlisted", "report it to NVIDIA")


def known(code: int) -> Xid:
    """79 is critical: restart the machine. 31 is the application's own fault."""
    return KNOWN.get(code, _UNLISTED)
