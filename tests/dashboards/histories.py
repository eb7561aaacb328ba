"""So many days of a small service, in every family that a dashboard reads."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from observability.core import permissions
from observability.core.models import Organisation
from probes.exposition import Series, series
from sloengine.budgets.services import evaluate_due
from sloengine.catalog.models import Service
from sloengine.collect.models import MetricSource
from sloengine.objectives import services as objectives
from sloengine.rollups.services import Chunk, backfill
from tests import factories

HOUR = timedelta(hours=1)
HISTOGRAMS = ("ttft_seconds", "e2e_seconds", "inter_token_seconds", "per_token_seconds", "canary_per_token_seconds")
BOUNDS = ("0.1", "0.25", "0.3", "0.5", "+Inf")


def _columns() -> dict[Series, float]:
    """Each series with what it adds in an hour, or its value where it is a gauge."""
    own = {"service": "chat", "model": "m", "version": "v1", "region": "eu"}
    found = {
        series("tailwatch_requests_total", outcome="ok", **own): 36_000.0,
        series("tailwatch_requests_total", outcome="error", **own): 12.0,
        series("tailwatch_generated_tokens_total", **own): 3_600_000.0,
        series("tailwatch_requests_waiting", replica="chat-0", **own): 2.0,
        series("tailwatch_token_time_seconds", service="chat", reason="network"): 0.01,
        series("tailwatch_token_time_seconds", service="chat", reason="kernel+compute"): 0.08,
        series("tailwatch_token_time_seconds", service="chat", reason="tls"): 0.001,
        series("tailwatch_gpu_utilisation_spread_points", service="chat", replica="chat-0", reason="utilisation"): 4.0,
        series("tailwatch_gpu_imbalance_points", service="chat", replica="chat-0", reason="utilisation"): 22.0,
    }
    for gpu, busy in (("0", 0.7), ("1", 0.72), ("2", 0.2)):
        found[series("tailwatch_gpu_utilisation_ratio", service="chat", replica="chat-0", gpu=gpu)] = busy
    for family in HISTOGRAMS:
        for bound, share in zip(BOUNDS, (0.2, 0.97, 0.98, 0.99, 1.0), strict=True):
            found[series(f"tailwatch_{family}_bucket", le=bound, **own)] = 36_000 * share
        found[series(f"tailwatch_{family}_sum", **own)] = 36_000 * 0.025
        found[series(f"tailwatch_{family}_count", **own)] = 36_000.0
    return found


def fill(organisation: Organisation, *, days: int, now: datetime) -> Service:
    """Hourly for the last day, daily before, every five minutes of the last hour; objectives evaluated, use and a price in the ledger."""
    source = MetricSource.objects.create(organisation=organisation, name="fleet", kind="memory", url="memory:fleet")
    start = now.replace(minute=0) - timedelta(days=days)
    ticks = [start + timedelta(days=number) for number in range(max(days - 1, 0))]
    ticks += [now - 24 * HOUR + HOUR * number for number in range(24)]
    ticks += [now - timedelta(minutes=5) * number for number in range(11, -1, -1)]
    columns = _columns()
    gauges = np.array([not one.name.endswith(("_total", "_bucket", "_sum", "_count")) for one in columns])
    hours = np.array([24.0 if at < now - 24 * HOUR else 1.0 if at < now - HOUR else 1 / 12 for at in ticks])
    amounts = np.where(gauges, 1.0, hours[:, None]) * np.array(list(columns.values()))
    backfill(source=source, chunks=[Chunk(ticks, list(columns), amounts)], now=now)
    service = Service.objects.get(organisation=organisation, slug="chat")
    objectives.apply_library(organisation=organisation, actor=permissions.system(organisation), now=now)
    evaluate_due(now=now)
    factories.make_price(service, usd="0.11", at=start - HOUR)
    for at in ticks[:-12]:
        factories.make_usage(
            service, at=at.replace(minute=0, second=0, microsecond=0), tenant="acme", output=1_000_000, requests_ok=50
        )
    return service
