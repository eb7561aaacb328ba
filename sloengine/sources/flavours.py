"""What differs between the servers that speak Prometheus's HTTP API: parameters of a query, and how to tell who answers.

Prometheus   lookback_delta since 2.37.
Thanos       answers 200 with what it has when a store is down (partial_response), keeps one of each replica with dedup, and
             may answer from downsampled data; we want all or nothing, one of each, and raw.
Mimir        the same parameters as Prometheus; X-Scope-OrgID names the tenant, and a 422 its limits.
VictoriaMetrics  hides the latest 30 s unless latency_offset says otherwise, caches range results, and has max_lookback.
             Plain selectors give the same values as Prometheus; its increase() would not.

The parameters of Thanos, Mimir and VictoriaMetrics are from their documentation; a real Prometheus ignores those it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Flavour(StrEnum):
    PROMETHEUS = "prometheus"
    THANOS = "thanos"
    MIMIR = "mimir"
    VICTORIAMETRICS = "victoriametrics"


#: Like Prometheus's own lookback, said aloud: a series without a sample for so long is gone.
LOOKBACK_SECONDS: Final = 300

PARAMETERS: Final[Mapping[Flavour, Mapping[str, str]]] = {
    Flavour.PROMETHEUS: {"lookback_delta": f"{LOOKBACK_SECONDS}s"},
    Flavour.THANOS: {
        "partial_response": "false",
        "dedup": "true",
        "max_source_resolution": "0s",
        "lookback_delta": f"{LOOKBACK_SECONDS}s",
    },
    Flavour.MIMIR: {"lookback_delta": f"{LOOKBACK_SECONDS}s"},
    Flavour.VICTORIAMETRICS: {"nocache": "1", "latency_offset": "1ms", "max_lookback": f"{LOOKBACK_SECONDS}s"},
}
#: Points of a series in one range query: 11,000 in Prometheus, Thanos and Mimir, 30,000 in VictoriaMetrics.
MOST_POINTS: Final[Mapping[Flavour, int]] = dict.fromkeys(Flavour, 11000) | {Flavour.VICTORIAMETRICS: 30_000}
#: Pages that only one of them answers 200; asked in this order.
TELLTALES: Final = (("/api/v1/stores", Flavour.THANOS), ("/api/v1/status/top_queries", Flavour.VICTORIAMETRICS))
