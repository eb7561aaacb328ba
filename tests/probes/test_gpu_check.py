"""The check that a GPU's owner runs: what it says where it cannot run, and how it counts what a probe costs."""

from __future__ import annotations

import pytest

from probes.gpu import GpuReading, Machine
from tests.benchmarks import gpu_check


def test_without_a_gpu_one_sentence_says_so_and_nothing_is_measured(monkeypatch, capsys):
    monkeypatch.delenv("TAILWATCH_GPU_CHECK", raising=False)
    monkeypatch.setattr(gpu_check, "seen", lambda: Machine("no_driver"))
    assert list(gpu_check.measure(full=False)) == []
    assert capsys.readouterr().err.startswith("gpu_check: no GPU here (no_driver)")


def test_without_torch_it_says_what_to_install():
    machine = Machine("ok", (GpuReading("GPU-1", {}),))
    assert "pip install torch" in (gpu_check.reason(machine, python=None) or "")
    assert gpu_check.reason(machine, python="python") is None


def test_what_is_lost_is_the_median_over_pairs_in_turns():
    assert gpu_check.lost([1000, 990, 1010], [998, 990, 1000]) == pytest.approx(0.2)
