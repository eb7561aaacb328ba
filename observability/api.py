"""The REST interface under /api/v1/: each package brings its routers, problems are problem+json, the schema is at openapi.json.

Everything that a page does, a router does, by the same service: pages and programs cannot drift apart.
"""

from __future__ import annotations

from ninja import NinjaAPI

from incidents.api import ROUTERS as INCIDENT_ROUTERS
from observability.core.api import router as core_router
from observability.core.rest import BySession, ByToken, add_problems
from sloengine.api import ROUTERS as SLO_ROUTERS

api = NinjaAPI(
    title="Tailwatch",
    version="1",
    description="Objectives, incidents, on-call and pages of a Tailwatch installation.",
    docs_url=None,  # its page loads scripts from a content network
    auth=[BySession(), ByToken()],
    urls_namespace="api",
)
add_problems(api)
for router in (core_router, *SLO_ROUTERS, *INCIDENT_ROUTERS):
    api.add_router("", router)
