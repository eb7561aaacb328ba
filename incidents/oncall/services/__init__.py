"""Set who is on call and who is told: policies.py, schedules.py, overrides.py, swaps.py, feeds.py, calendars.py; notices.py writes
down
who should hear of it."""

from __future__ import annotations

from incidents.oncall.services.calendars import bring_calendar, follow_calendar, leave_calendar, read_calendars
from incidents.oncall.services.feeds import make_feed, remove_feed
from incidents.oncall.services.members import NotAMember
from incidents.oncall.services.overrides import OverrideConflict, OverrideInvalid, add_override, cancel_override
from incidents.oncall.services.policies import (
    PolicyInvalid,
    PolicySettings,
    StepSpec,
    TargetSpec,
    free_slug,
    remove_policy,
    save_policy,
    set_policy,
)
from incidents.oncall.services.schedules import NoteInvalid, add_note, archive_schedule, save_schedule
from incidents.oncall.services.swaps import SwapRefused, accept_swap, ask_swap, decline_swap, withdraw_swap

__all__ = [
    "NotAMember",
    "NoteInvalid",
    "OverrideConflict",
    "OverrideInvalid",
    "PolicyInvalid",
    "PolicySettings",
    "StepSpec",
    "SwapRefused",
    "TargetSpec",
    "accept_swap",
    "add_note",
    "add_override",
    "archive_schedule",
    "ask_swap",
    "bring_calendar",
    "cancel_override",
    "decline_swap",
    "follow_calendar",
    "free_slug",
    "leave_calendar",
    "make_feed",
    "read_calendars",
    "remove_feed",
    "remove_policy",
    "save_policy",
    "save_schedule",
    "set_policy",
    "withdraw_swap",
]
