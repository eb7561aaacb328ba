"""The routers of incidents, one a noun; `observability.api` mounts them under /api/v1/."""

from __future__ import annotations

from ninja import Router

from incidents.alerts.api import router as alerts
from incidents.ingest.api import router as ingest
from incidents.maintenance.api import router as maintenance
from incidents.paging.api import router as paging
from incidents.response.api import router as response
from incidents.routing.api import router as routing
from incidents.silences.api import router as silences

ROUTERS: tuple[Router, ...] = (response, paging, alerts, silences, maintenance, routing, ingest)
