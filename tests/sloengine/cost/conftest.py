"""A chat service whose tenants' use is known."""

from __future__ import annotations

import pytest

from observability.core.services import default_organisation
from probes.exposition import series
from sloengine.cost.services import evaluate_costs
from tests.sloengine.budgets.world import World


class Spending(World):
    """Three tenants; `use` plays five minutes in which each asks 300 times."""

    def use(self, buckets: int = 1, *, acme: float = 400, others: float = 400, requests: int = 300) -> None:
        for _ in range(buckets):
            for tenant, size in (("acme", acme), ("globex", others), ("initech", others)):
                self._add("tenant_requests_total", requests, tenant=tenant, outcome="ok")
                self._add("tenant_tokens_total", requests * size, tenant=tenant)
            for _ in range(10):
                self.tick(evaluate=False)
            evaluate_costs(now=self.now)

    def _add(self, name: str, amount: float, **labels: str) -> None:
        key = series(f"tailwatch_{name}", service="chat", model="m", region="eu", **labels)
        self.extra[key] = self.extra.get(key, 0.0) + amount


@pytest.fixture
def world(db) -> Spending:
    world = Spending(organisation=default_organisation())
    for tenant in ("acme", "globex", "initech"):
        world._add("tenant_tokens_total", 0, tenant=tenant)
        world._add("tenant_requests_total", 0, tenant=tenant, outcome="ok")
    world.tick(evaluate=False)
    while world.now.minute % 5 or world.now.second:
        world.tick(evaluate=False)
    return world
