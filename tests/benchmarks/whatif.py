"""The what-if page and its REST twin: a whole request each, with four weeks of a service's use and a week of its latencies behind it.

40 tenants on two variants in the ledger, by hour; rollups of the simulated fleet. Each request is of somebody who is signed in, through
every middleware; its time is the median of several, in seconds of the processor, the web process's and PostgreSQL's together. The
arithmetic alone, with presets and playbook, is measured beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import process_time
from urllib.parse import urlencode

from tests.benchmarks import Measurement, database
from tests.benchmarks.incident_pages import _median as median

NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
HOUR, DAYS, TENANTS = timedelta(hours=1), 28, 40
TIERS = "v7.2,4/7,0.11,900,0.97\nfull,3/7,0.18,900,0.98\n8-bit,0,0.065,900,0.94"
ASKED = {
    "as it is": {"service": "chat"},
    "traffic doubled": {"service": "chat", "traffic": "2", "latency": "5000"},
    "everything at once": {"service": "chat", "tiers": TIERS, "share": "35", "source": "full", "target": "8-bit", "cache": "10",
                           "prompt": "10", "replicas": "2", "traffic": "1.5", "latency": "5000", "floor": "0.92"},
}  # fmt: skip


def measure(full: bool) -> Iterator[Measurement]:
    server = database.migrated()
    seen = _world()
    from django.conf import settings
    from django.test import Client

    from observability.core import clock
    from observability.core.models import User
    from sloengine.cost.whatif import answer

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.get(username="lea"))
    with clock.frozen(NOW):
        for name, given in ASKED.items():
            for place, path in (("page", "/cost/what-if/"), ("REST", "/api/v1/cost/what-if")):
                yield _one(f"{place}, {name}", median(server, client, f"{path}?{urlencode(given)}"), "ms of CPU")
    began = process_time()
    for _ in range(50):
        answer.answer(ASKED["everything at once"], measured=seen.now, curve=seen.curve, waste=seen.waste)
    yield _one("arithmetic alone, everything at once", (process_time() - began) / 50, "ms of CPU")


def _one(metric: str, seconds: float, unit: str) -> Measurement:
    return Measurement(benchmark="whatif", metric=metric, value=1000 * seconds, unit=unit, better="lower", target=100)


def _world():
    """The small world's chat with its use and its past; what a what-if begins with."""
    from observability.demo import _chunks
    from probes.simfleet.fleet import default_config
    from sloengine.cost.ledger.meters import Quantities, Slice
    from sloengine.cost.ledger.services import close_hours
    from sloengine.cost.ledger.services.writing import insert_rows, series_ids
    from sloengine.cost.whatif import queries
    from sloengine.rollups.services import backfill
    from tests import factories, worlds

    world = worlds.small_world(now=NOW)
    chat = world.services["chat"]
    factories.make_price(chat, usd="0.11", at=NOW - 400 * 24 * HOUR)
    source = factories.make_source(world.organisation)
    backfill(source=source, chunks=_chunks(default_config(), NOW - 7 * 24 * HOUR, NOW, 3600), now=NOW)
    slices = [Slice(tenant=f"tenant-{number}", variant=("v7.2", "v7.1")[number % 2]) for number in range(TENANTS)]
    ids = series_ids(service=chat, slices=slices)
    used = Quantities(requests_ok=1000, input=500_000, cache_read=200_000, output=300_000).values
    hours = [NOW - (hour + 1) * HOUR for hour in range(DAYS * 24)]
    insert_rows(at=[at for at in hours for _ in slices], rows=[(ids[one], *used) for _ in hours for one in slices])
    close_hours(now=NOW)
    return queries.look(organisation=world.organisation, service="chat", now=NOW)
