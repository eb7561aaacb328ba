"""The captured /metrics texts of real engines, and small ones of our own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[3] / "shared" / "fixtures"
VLLM, VLLM_UNDER_LOAD = "vllm-0.32.0-metrics.txt", "vllm-0.32.0-under-load.txt"
DCGM, DCGM_MIG = "dcgm_exporter__kops_v1.35.prom", "dcgm_exporter__A100-40GB_MIG_3inst.prom"
SGLANG = "sglang__docs_production_metrics_capture.prom"
TRTLLM = "trtllm__1.3.0rc29_rtx4090_after_13_pauses_PARTIAL.prom"
CAPTURES = (
    VLLM,
    VLLM_UNDER_LOAD,
    DCGM,
    DCGM_MIG,
    SGLANG,
    TRTLLM,
)


def _litellm(family: str, value: float, *, key: str, team: str, **more: str) -> str:
    """One line with the labels that LiteLLM writes, the secrets among them."""
    labels = {
        "api_key_alias": key,
        "end_user": "None",
        "hashed_api_key": f"hashed-{key}",
        "team_alias": team,
        "user": f"user-{key}",
        **more,
    }
    return family + "{" + ",".join(f'{name}="{text}"' for name, text in labels.items()) + f"}} {value}\n"


_REQUESTS, _TOKENS = "litellm_proxy_total_requests_metric_total", "litellm_total_tokens_metric_total"
LITELLM = (
    _litellm(_REQUESTS, 90.0, key="key-1", team="web", status_code="200")
    + _litellm(_REQUESTS, 8.0, key="key-2", team="web", status_code="200")
    + _litellm(_REQUESTS, 2.0, key="key-1", team="web", status_code="503")
    + _litellm(_REQUESTS, 5.0, key="key-3", team="", status_code="400")
    + _litellm(_TOKENS, 1000.0, key="key-1", team="web")
    + _litellm(_TOKENS, 7.0, key="key-3", team="None")
    + _litellm("litellm_input_tokens_metric_total", 900.0, key="key-1", team="web")
)


@cache
def captured(name: str) -> str:
    file = _FOLDER / name
    if not file.is_file():
        pytest.skip("needs ../shared")
    return file.read_text("utf-8")
