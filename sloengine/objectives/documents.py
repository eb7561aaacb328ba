"""The shape of an OpenSLO v1 SLO document, as pydantic models. Pure.

Field names are the specification's. A validator's ValueError says what was expected; openslo.py adds file, line and path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

PREFIX = "tailwatch/"
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > 63:
        raise ValueError("a DNS label: lower-case letters, digits and hyphens, at most 63")
    return value


def _ratio(value: Any) -> Decimal:
    """Quoted in YAML, so that 0.999 stays 0.999: the budget of the float is 0.0010000000000000009."""
    if not isinstance(value, str) or not re.fullmatch(r"0?\.\d{1,9}", value) or not 0 < Decimal(value) < 1:
        raise ValueError('a quoted ratio above 0 and below 1 with at most 9 decimals, for instance "0.995"')
    return Decimal(value)


def _percent(value: Any) -> Decimal:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,2}(\.\d{1,7})?", value) or not 0 < Decimal(value) < 100:
        raise ValueError('a quoted percentage above 0 and below 100, for instance "99.5"')
    return Decimal(value)


def _duration_text(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[1-9]\d*[mhdw]", value):
        raise ValueError("a duration such as 30d, 4w or 12h")
    return value


def _window_text(value: str) -> str:
    if not timedelta(hours=1) <= _delta(value) <= timedelta(days=366) or _delta(value).total_seconds() % 3600:
        raise ValueError("whole hours, from 1h to 366d")
    return value


def _slice_text(value: str) -> str:
    if not 60 <= _delta(value).total_seconds() <= 3600 or 3600 % _delta(value).total_seconds():
        raise ValueError("1m, 5m, 15m or another duration that divides the hour")
    return value


def _delta(text: str) -> timedelta:
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


Name = Annotated[str, AfterValidator(_name)]
Ratio = Annotated[Decimal, BeforeValidator(_ratio)]
Percent = Annotated[Decimal, BeforeValidator(_percent)]
Window = Annotated[str, BeforeValidator(_duration_text), AfterValidator(_window_text)]
Slice = Annotated[str, BeforeValidator(_duration_text), AfterValidator(_slice_text)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Metadata(_Strict):
    name: Name
    displayName: str = Field(default="", max_length=120)  # noqa: N815 - OpenSLO's name
    labels: Mapping[str, Any] = {}
    annotations: Mapping[str, str] = {}


class IndicatorMetadata(_Strict):
    name: Name
    displayName: str = ""  # noqa: N815
    annotations: Mapping[str, str] = {}


class InlineIndicator(_Strict):
    """An inline SLI that names one of our signals by annotation. Raw queries are not read."""

    metadata: IndicatorMetadata
    spec: Mapping[str, Any] = {}


class TimeWindow(_Strict):
    duration: Window
    isRolling: Literal[True]  # noqa: N815

    def span(self) -> timedelta:
        return _delta(self.duration)


class Goal(_Strict):
    displayName: str = ""  # noqa: N815
    op: Literal["lte", "lt", "gte", "gt"] | None = None
    value: float | None = None
    target: Ratio | None = None
    targetPercent: Percent | None = None  # noqa: N815
    timeSliceTarget: Ratio | None = None  # noqa: N815
    timeSliceWindow: Slice | None = None  # noqa: N815

    def ratio(self) -> Decimal:
        if self.target is not None:
            return self.target
        return (self.targetPercent or Decimal(0)) / 100

    def slice_seconds(self) -> int:
        return int(_delta(self.timeSliceWindow or "1m").total_seconds())


def _one_goal(goals: list[Goal]) -> list[Goal]:
    if len(goals) != 1:
        raise ValueError("exactly one objective in a document")
    if (goals[0].target is None) == (goals[0].targetPercent is None):
        raise ValueError("either target or targetPercent")
    return goals


def _one_window(windows: list[TimeWindow]) -> list[TimeWindow]:
    if len(windows) != 1:
        raise ValueError("exactly one rolling window")
    return windows


class Spec(_Strict):
    description: str = ""
    service: str = Field(min_length=1)
    indicator: InlineIndicator | None = None
    timeWindow: Annotated[list[TimeWindow], AfterValidator(_one_window)]  # noqa: N815
    budgetingMethod: Literal["Occurrences", "Timeslices"]  # noqa: N815
    objectives: Annotated[list[Goal], AfterValidator(_one_goal)]


class SloDocument(_Strict):
    apiVersion: Literal["openslo/v1"]  # noqa: N815
    kind: Literal["SLO"]
    metadata: Metadata
    spec: Spec

    def annotations(self) -> dict[str, str]:
        inline = self.spec.indicator.metadata.annotations if self.spec.indicator is not None else {}
        return {**inline, **self.metadata.annotations}

    def annotation(self, name: str) -> str | None:
        return self.annotations().get(PREFIX + name)
