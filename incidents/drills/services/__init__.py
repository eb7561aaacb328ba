"""What is done with drills.

fleet.py    what is said to the simulated fleet
playing.py  start, join, end
driving.py  drive_due: the fault always ends, whoever forgets it; what is over is scored
scoring.py  what came of it
"""

from __future__ import annotations

from incidents.drills.services.driving import drive_due
from incidents.drills.services.fleet import Breakable, DrillRefused, faults
from incidents.drills.services.playing import end, join, start
from incidents.drills.services.scoring import branches_to, expected, scored, seen

__all__ = [
    "Breakable",
    "DrillRefused",
    "branches_to",
    "drive_due",
    "end",
    "expected",
    "faults",
    "join",
    "scored",
    "seen",
    "start",
]
