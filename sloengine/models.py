"""The models of all nouns, gathered for Django."""

from __future__ import annotations

from sloengine.budgets.models import (
    EvaluationCursor,
    Finding,
    TallyBlock,
    TallyFinest,
    TallyFiveMinutes,
    TallyHour,
    TallyPlace,
)
from sloengine.catalog.models import Change, Deployment, Service
from sloengine.collect.models import Block, KeptReading, MetricSource, Slot, Tick
from sloengine.cost.models import Price, UsageBucket, UsageCursor
from sloengine.objectives.models import Objective, ObjectiveChange
from sloengine.rollups.models import RollupFinest, RollupFiveMinutes, RollupHour

__all__ = [
    "Block",
    "Change",
    "Deployment",
    "EvaluationCursor",
    "Finding",
    "KeptReading",
    "MetricSource",
    "Objective",
    "ObjectiveChange",
    "Price",
    "RollupFinest",
    "RollupFiveMinutes",
    "RollupHour",
    "Service",
    "Slot",
    "TallyBlock",
    "TallyFinest",
    "TallyFiveMinutes",
    "TallyHour",
    "TallyPlace",
    "Tick",
    "UsageBucket",
    "UsageCursor",
]
