"""The routers of incidents, one a noun; `observability.api` mounts them under /api/v1/."""

from __future__ import annotations

from ninja import Router

from incidents.paging.api import router as paging
from incidents.response.api import router as response

ROUTERS: tuple[Router, ...] = (response, paging)
