"""Values on their scale and back, quantiles, and what is said of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sloengine.detection import values, words
from sloengine.detection.watched import BY_NAME, SIGNALS
from sloengine.detection.words import Moved


def signal(name):
    return SIGNALS[BY_NAME[name]]


@pytest.mark.parametrize(
    ("name", "over", "under", "on_scale", "plain"),
    [
        ("ttft", 8.8, 200.0, math.log(0.044), 0.044),
        ("queue", 0.0, 100.0, math.log(0.05), 0.0),
        ("waiting", 6.0, 4.0, math.log(2.5), 1.5),
        ("token_rate", 3000.0, 3.0, -math.log(1001.0), 1000.0),
        ("similarity", 1.9, 2.0, -0.95, 0.95),
        ("errors", 3.0, 60.0, 0.05, 0.05),
    ],
)
def test_a_value_on_its_scale_grows_as_it_gets_worse_and_comes_back_in_its_unit(name, over, under, on_scale, plain):
    found = values.on_scale([signal(name)], np.array([over]), np.array([under]))[0]
    assert found == pytest.approx(on_scale)
    assert values.plain(signal(name), found) == pytest.approx(plain)


def test_without_events_there_is_no_value():
    assert np.isnan(values.on_scale([signal("ttft")], np.array([0.0]), np.array([0.0]))[0])


def test_quantiles_lie_inside_their_buckets():
    bounds = np.array([[0.1, 0.25, np.inf]] * 4)
    counts = np.array([[90.0, 99.0, 100.0], [100.0, 100.0, 100.0], [10.0, 20.0, 100.0], [0.0, 0.0, 0.0]])
    found = values.quantiles(bounds=bounds, counts=counts)
    assert found[:3] == pytest.approx([0.1 + 0.15 * 5 / 9, 0.095, 1.5 * 0.25])
    assert np.isnan(found[3])


def test_what_moved_is_said_in_people_s_units():
    moved = [
        Moved(signal("ttft"), 0.0443, 0.182, 1_790_000_000.0),
        Moved(signal("errors"), 0.0, 0.126, 1_790_000_030.0),
    ]
    assert words.summary(moved) == "mean time to first token from 44 ms to 182 ms (and 1 more)"
    assert "share of failed requests from 0.0 % to 12.6 %" in words.sentence("chat", moved)
    told = words.evidence(moved, run_length=725_760.0)
    assert told["indicator"] == "ttft"
    assert [one["name"] for one in told["signals"]] == ["ttft", "errors"]
    assert told["impact_start"] == "2026-09-21T14:13:20+00:00"
