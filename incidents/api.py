"""The routers of incidents, one a noun; `observability.api` mounts them under /api/v1/."""

from __future__ import annotations

from ninja import Router

from incidents.actions.api import router as actions
from incidents.alerts.api import router as alerts
from incidents.command.api import router as command
from incidents.digests.api import router as digests
from incidents.drills.api import router as drills
from incidents.ingest.api import router as ingest
from incidents.maintenance.api import router as maintenance
from incidents.oncall.api.policies import router as policies
from incidents.oncall.api.schedules import router as schedules
from incidents.paging.api import router as paging
from incidents.paging.rules.api import router as rules
from incidents.replays.api import router as replays
from incidents.response.api import router as response
from incidents.routing.api import router as routing
from incidents.runbooks.api import router as runbooks
from incidents.savedfilters.api import router as savedfilters
from incidents.signals.api import router as signals
from incidents.silences.api import router as silences
from incidents.statuspages.api import router as statuspages
from incidents.trees.api import router as trees
from incidents.updates.api import router as updates

#: command, updates, runbooks and replays first: `response` takes every other POST below an incident for a move.
ROUTERS: tuple[Router, ...] = (
    actions, command, updates, runbooks, replays, statuspages, response, schedules, policies, paging, rules, alerts, silences,
    maintenance, routing, ingest, trees, signals, drills, savedfilters, digests,
)  # fmt: skip
