"""The models of all nouns, gathered for Django."""

from __future__ import annotations

from incidents.actions.models import ActionApproval, ActionDocument, ActionRun, ActionSecret, ActionSwitch
from incidents.alerts.models import Alert, AlertCursor
from incidents.command.models import Duty
from incidents.digests.models import WeeklyDigest
from incidents.drills.models import Drill, DrillPerson
from incidents.ingest.models import Event, Integration
from incidents.learning.models import Postmortem
from incidents.maintenance.models import Maintenance
from incidents.oncall.models import (
    CalendarFeed,
    EscalationPolicy,
    HandoverNote,
    PolicyStep,
    Schedule,
    ScheduleGap,
    ScheduleOverride,
    ScheduleVersion,
    ScheduleWatch,
    ShiftNotice,
    StepTarget,
    Swap,
    TeamMember,
)
from incidents.paging.models import (
    AckLink,
    Acknowledgement,
    Carrier,
    Delivery,
    DemoMessage,
    EscalationStep,
    Page,
    PagerEndpoint,
    SlackApp,
)
from incidents.paging.rules.models import NotificationRule, QuietHours
from incidents.replays.models import StoredAnswer
from incidents.response.models import Incident, IncidentCounter, TimelineEntry
from incidents.routing.models import RouteDocument
from incidents.runbooks.models import CheckRun, RunbookFolder, RunbookUse, RunbookVersion, StepTick
from incidents.savedfilters.models import SavedFilter
from incidents.silences.models import Notice, Silence
from incidents.statuspages.models import StatusComponent, StatusPage
from incidents.trees.models import DecisionTree, ThresholdOverride
from incidents.updates.models import StatusUpdate, UpdateReminder

__all__ = [
    "AckLink",
    "Acknowledgement",
    "ActionApproval",
    "ActionDocument",
    "ActionRun",
    "ActionSecret",
    "ActionSwitch",
    "Alert",
    "AlertCursor",
    "CalendarFeed",
    "Carrier",
    "CheckRun",
    "DecisionTree",
    "Delivery",
    "DemoMessage",
    "Drill",
    "DrillPerson",
    "Duty",
    "EscalationPolicy",
    "EscalationStep",
    "Event",
    "HandoverNote",
    "Incident",
    "IncidentCounter",
    "Integration",
    "Maintenance",
    "Notice",
    "NotificationRule",
    "Page",
    "PagerEndpoint",
    "PolicyStep",
    "Postmortem",
    "QuietHours",
    "RouteDocument",
    "RunbookFolder",
    "RunbookUse",
    "RunbookVersion",
    "SavedFilter",
    "Schedule",
    "ScheduleGap",
    "ScheduleOverride",
    "ScheduleVersion",
    "ScheduleWatch",
    "ShiftNotice",
    "Silence",
    "SlackApp",
    "StatusComponent",
    "StatusPage",
    "StatusUpdate",
    "StepTarget",
    "StepTick",
    "StoredAnswer",
    "Swap",
    "TeamMember",
    "ThresholdOverride",
    "TimelineEntry",
    "UpdateReminder",
    "WeeklyDigest",
]
