"""The models of all nouns, gathered for Django."""

from __future__ import annotations

from sloengine.budgets.exclusions.models import Adjustment, Exclusion
from sloengine.budgets.models import (
    EvaluationCursor,
    Finding,
    TallyBlock,
    TallyFinest,
    TallyFiveMinutes,
    TallyHour,
    TallyPlace,
)
from sloengine.budgets.policies.models import BudgetPolicy, PolicyStanding
from sloengine.catalog.models import Change, Deployment, Service
from sloengine.collect.models import Block, KeptReading, MetricSource, Slot, Tick
from sloengine.cost.anomaly.models import AnomalyCursor, CostFeedback
from sloengine.cost.contracts.models import Contract, CostReview
from sloengine.cost.ledger.models import (
    CostSeries,
    FocusDay,
    Invoice,
    InvoiceLine,
    LedgerCursor,
    LedgerDays,
    Placement,
    UsageDay,
    UsageHour,
    UsageImport,
)
from sloengine.cost.models import Price, UsageBucket, UsageCursor
from sloengine.cost.tenantbudgets.models import SpendBudget
from sloengine.kpis.models import PushedKpi
from sloengine.objectives.models import Objective, ObjectiveChange
from sloengine.rollups.models import RollupFinest, RollupFiveMinutes, RollupHour

__all__ = [
    "Adjustment",
    "AnomalyCursor",
    "Block",
    "BudgetPolicy",
    "Change",
    "Contract",
    "CostFeedback",
    "CostReview",
    "CostSeries",
    "Deployment",
    "EvaluationCursor",
    "Exclusion",
    "Finding",
    "FocusDay",
    "Invoice",
    "InvoiceLine",
    "KeptReading",
    "LedgerCursor",
    "LedgerDays",
    "MetricSource",
    "Objective",
    "ObjectiveChange",
    "Placement",
    "PolicyStanding",
    "Price",
    "PushedKpi",
    "RollupFinest",
    "RollupFiveMinutes",
    "RollupHour",
    "Service",
    "Slot",
    "SpendBudget",
    "TallyBlock",
    "TallyFinest",
    "TallyFiveMinutes",
    "TallyHour",
    "TallyPlace",
    "Tick",
    "UsageBucket",
    "UsageCursor",
    "UsageDay",
    "UsageHour",
    "UsageImport",
]
