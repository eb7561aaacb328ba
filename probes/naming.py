"""How the probe names a target in series about itself. Pure."""

from __future__ import annotations

from dataclasses import replace

from probes.config import Target
from probes.exposition import Labels, Series
from probes.replica import target_labels
from probes.signals import PREFIX, REPLICA


def up(target: Target) -> Series:
    """A replica is an engine; a GPU's page that answers beside a dead engine is no replica that is up."""
    if target.kind == "engine":
        return Series(f"{PREFIX}target_up", target_labels(target, REPLICA))
    return Series(f"{PREFIX}exporter_up", own(target))


def own(target: Target) -> Labels:
    """A GPU's page apart from the engine whose replica it carries."""
    named = target if target.kind == "engine" else replace(target, replica=target.name)
    return target_labels(named, ("service", "replica", "region"))


def with_reason(labels: Labels, reason: str) -> Labels:
    return tuple(sorted((*labels, ("reason", reason))))
