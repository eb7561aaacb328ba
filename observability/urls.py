"""The root of the addresses: each noun brings its own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from observability.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(module))
    for module in (
        "incidents.ingest.urls",
        "observability.core.urls",
        "incidents.alerts.urls",
        "incidents.silences.urls",
        "incidents.maintenance.urls",
        "incidents.routing.urls",
        "incidents.trees.urls",
        "incidents.signals.urls",
        "incidents.actions.urls",
        "incidents.savedfilters.urls",
        "incidents.digests.urls",
        "incidents.command.urls",
        "incidents.statuspages.urls",
        "incidents.replays.urls",
        "incidents.response.urls",
        "incidents.paging.urls",
        "incidents.oncall.urls",
        "incidents.policies.urls",
        "incidents.paging.rules.urls",
        "incidents.runbooks.urls",
        "incidents.drills.urls",
        "incidents.learning.urls",
        "incidents.demo.urls",
        "sloengine.backtests.urls",
        "sloengine.cost.focus.urls",
        "sloengine.cost.ledger.urls",
        "sloengine.objectives.urls",
        "sloengine.cost.anomaly.urls",
        "sloengine.cost.contracts.urls",
        "sloengine.cost.tenantbudgets.urls",
        "sloengine.cost.whatif.urls",
        "sloengine.cost.capacity.urls",
        "sloengine.reports.urls",
        "dashboards.urls",
        "observability.health_urls",
    )
]
urlpatterns.append(path("api/v1/", api.urls))
