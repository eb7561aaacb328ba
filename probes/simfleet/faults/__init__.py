"""Faults that drills and benchmarks play, by where a first responder looks, and benign events that may wake nobody.

fault     what a fault is: dial, target, onset
speed     time to first token and between tokens: queue, prefill, decode
failures  requests that fail: processes, GPUs, gateways, clients that ask again
worth     answers that are worth less: releases, slices, retrieval, tool calls, safety
usage     what it costs and who asks; the business
benign    deploys, peaks, scale-out, scrape gaps, restarts, warm-up, maintenance, a healthy share of preemptions

Each changes a cause (demand, clocks, a release, a process); the metrics follow by themselves. docs/faults.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.simfleet.faults import benign, failures, speed, usage, worth
from probes.simfleet.faults.fault import ONSETS, Fault, WrongTarget

__all__ = ["BENIGN", "FAULTS", "ONSETS", "Fault", "WrongTarget"]

FAULTS: Mapping[str, Fault] = MappingProxyType({
    one.name: one for one in (*speed.FAULTS, *failures.FAULTS, *worth.FAULTS, *usage.FAULTS)
})  # fmt: skip
BENIGN: Mapping[str, Fault] = MappingProxyType({one.name: one for one in benign.EVENTS})
