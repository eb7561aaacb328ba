"""Which GPU stands out."""

from __future__ import annotations

import pytest

from sloengine.gpus.evenness import Gpu, names, outlier


def gpu(name: str, mean: float | None) -> Gpu:
    return Gpu("chat", name, mean, ())


def test_the_one_furthest_from_its_siblings() -> None:
    found = outlier([gpu("a", 0.71), gpu("b", 0.70), gpu("c", 0.22), gpu("d", 0.72), gpu("e", None)])
    assert found is not None
    assert found.gpu.name == "c"
    assert found.points == pytest.approx(-49)


def test_of_two_nobody_knows_which_is_wrong() -> None:
    assert outlier([gpu("a", 0.9), gpu("b", 0.1), gpu("c", None)]) is None


def test_a_gpu_is_called_by_its_replica_and_told_from_its_siblings() -> None:
    keys = [("r0", "GPU-ff966606-500e-475b"), ("chat-1", "0"), ("chat-1", "1"), ("", "x")]
    assert list(names(keys, service="chat").values()) == ["chat r0", "chat-1/0", "chat-1/1", "chat unjoined"]
