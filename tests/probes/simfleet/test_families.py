"""The simulated page beside a captured one of vLLM 0.32.0: the same families, types, labels and bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from probes.simfleet import histogram, vllm
from probes.simfleet.config import EngineProfile, FleetConfig
from probes.simfleet.fleet import Fleet, default_config
from tests.probes.simfleet.measure import START

CAPTURED = Path(__file__).parents[4] / "shared" / "fixtures" / "vllm-0.32.0-metrics.txt"
INTERPRETER = ("python_gc_", "python_info")
Family = tuple[str, frozenset[tuple[str, ...]], tuple[str, ...]]

pytestmark = pytest.mark.skipif(not CAPTURED.exists(), reason="needs ../shared: fixtures/vllm-0.32.0-metrics.txt")


def families(text: str) -> dict[str, Family]:
    """Family to type, sets of label names, and bounds in order."""
    return {name: _family(kind, block) for name, kind, block in _blocks(text) if not name.startswith(INTERPRETER)}


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    for block in text.split("# TYPE ")[1:]:
        head, _, rest = block.partition("\n")
        name, kind = head.split()
        yield name, kind, "\n".join(line for line in rest.split("\n") if line and line[0] != "#")


def _family(kind: str, block: str) -> Family:
    names, bounds = set(), []
    for line in block.split("\n"):
        labels = re.findall(r'(\w+)="([^"]*)"', line)
        names.add(tuple(sorted(label for label, _ in labels)))
        bounds += [value for label, value in labels if label == "le" and value not in bounds]
    return kind, frozenset(names), tuple(bounds)


@pytest.fixture(scope="module")
def simulated() -> dict[str, Family]:
    chat = replace(default_config().service("chat"), engine=EngineProfile(max_model_len=1_024))
    fleet = Fleet(FleetConfig(services=(chat,)), seed=1, start=START)
    fleet.advance(START + 60.0)
    return families(fleet.text("chat-0"))


def test_families_types_labels_and_bounds_are_those_of_a_real_engine(simulated: dict[str, Family]) -> None:
    captured = families(CAPTURED.read_text())
    assert simulated.keys() == captured.keys()
    for name, family in captured.items():
        assert simulated[name] == family, name


def test_label_values_of_reasons_and_sources_are_the_same(simulated: dict[str, Family]) -> None:
    text = CAPTURED.read_text()
    for label, ours in {
        "reason": {*vllm.WAITING_REASONS, *vllm.REJECTION_REASONS},
        "finished_reason": set(vllm.FINISH_REASONS),
        "source": {*vllm.PROMPT_SOURCES, *vllm.CACHED_SOURCES},
        "sleep_state": set(vllm.SLEEP_STATES),
    }.items():
        assert set(re.findall(rf'\b{label}="([^"]*)"', text)) == ours


@pytest.mark.parametrize(
    ("max_model_len", "last", "size"), [(1_024, 1_000.0, 10), (2_048, 2_000.0, 11), (32_768, 20_000.0, 14)]
)
def test_token_bounds_follow_the_longest_context(max_model_len: int, last: float, size: int) -> None:
    assert (histogram.token_bounds(max_model_len)[-1], len(histogram.token_bounds(max_model_len))) == (last, size)
