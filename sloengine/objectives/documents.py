"""The shapes of OpenSLO v1 objects, as pydantic models. Pure.

Field names are the specification's (https://github.com/OpenSLO/OpenSLO). A validator's ValueError says what was expected;
openslo.py adds file, line and path. One that looks at several fields begins with "@field" where one of them is to blame.
Numbers arrive as Decimal with the digits that were written (texts.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sloengine.objectives.calendars import NOMINAL_DAYS, Calendar

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SHORTHAND = re.compile(r"([1-9]\d{0,5})([mhdwMQY])")
LONGEST = timedelta(days=366)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > 63:
        raise ValueError("a DNS label: lower-case letters, digits and hyphens, at most 63")
    return value


def _number(value: Any) -> Decimal:
    """A number, or a quoted one; the digits are those written, so 0.999 leaves exactly 0.001."""
    if isinstance(value, str) and re.fullmatch(r"-?\d*\.?\d+", value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("a number")
    return Decimal(str(value))


def _ratio(value: Any) -> Decimal:
    expected = "a ratio above 0 and below 1 with at most 9 decimals, for instance 0.995"
    return _share(value, below=Decimal(1), decimals=9, expected=expected)


def _percent(value: Any) -> Decimal:
    expected = "a percentage above 0 and below 100 with at most 7 decimals, for instance 99.5"
    return _share(value, below=Decimal(100), decimals=7, expected=expected)


def _slice_share(value: Any) -> Decimal:
    expected = "a ratio above 0 and at most 1, for instance 0.95"
    return Decimal(1) if value in (1, "1", "1.0") else _share(value, below=Decimal(1), decimals=9, expected=expected)


def _share(value: Any, *, below: Decimal, decimals: int, expected: str) -> Decimal:
    try:
        number = _number(value)
    except ValueError:
        raise ValueError(expected) from None
    exponent = number.normalize().as_tuple().exponent
    if not 0 < number < below or not isinstance(exponent, int) or exponent < -decimals:
        raise ValueError(expected)
    return number


def _shorthand(value: Any) -> str:
    if not isinstance(value, str) or not _SHORTHAND.fullmatch(value):
        raise ValueError("a duration such as 30d, 4w, 12h, 1M, 1Q or 1Y")
    return value


def _fixed(value: Any) -> str:
    if not isinstance(value, str) or not _SHORTHAND.fullmatch(value) or value[-1] not in _SECONDS:
        raise ValueError("a duration such as 5m, 6h or 3d")
    return value


def _slice(value: Any) -> str:
    """A number is minutes."""
    text = f"{value}m" if isinstance(value, int) and not isinstance(value, bool) else value
    seconds = delta(_fixed(text)).total_seconds() if isinstance(text, str) and _SHORTHAND.fullmatch(text) else 0
    if not 60 <= seconds <= 3600 or 3600 % seconds:
        raise ValueError("1m, 5m, 15m or another duration that divides the hour")
    return str(text)


def delta(text: str) -> timedelta:
    """5m is five minutes; months, quarters and years have no fixed length."""
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def _local_time(value: Any) -> str:
    expected = 'a local date and time without a zone, for instance "2026-01-01 00:00:00"'
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(expected) from None
    if found.tzinfo is not None:
        raise ValueError(expected)
    return found.isoformat()


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a name of the IANA time zone database, for instance Europe/Berlin") from None
    return value


Name = Annotated[str, AfterValidator(_name)]
Description = Annotated[str, Field(max_length=1050)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Ratio = Annotated[Decimal, BeforeValidator(_ratio)]
Percent = Annotated[Decimal, BeforeValidator(_percent)]
SliceShare = Annotated[Decimal, BeforeValidator(_slice_share)]
Shorthand = Annotated[str, BeforeValidator(_shorthand)]
Fixed = Annotated[str, BeforeValidator(_fixed)]
Slice = Annotated[str, BeforeValidator(_slice)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Metadata(Strict):
    name: Name
    displayName: str = Field(default="", max_length=120)  # noqa: N815 - OpenSLO's name
    labels: Mapping[str, str | list[str]] = {}
    annotations: Mapping[str, str] = {}


class Shown(Strict):
    """Metadata of what is known by reference only."""

    name: Name
    displayName: str = ""  # noqa: N815
    labels: Mapping[str, str | list[str]] = {}
    annotations: Mapping[str, str] = {}


class MetricSource(Strict):
    metricSourceRef: str = ""  # noqa: N815
    type: str = ""
    spec: Mapping[str, Any]


class Metric(Strict):
    metricSource: MetricSource  # noqa: N815


class RatioMetric(Strict):
    counter: bool = True
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    rawType: Literal["success", "failure"] | None = None  # noqa: N815
    raw: Metric | None = None

    @model_validator(mode="after")
    def _either(self) -> RatioMetric:
        counted = (self.good is None) != (self.bad is None) and self.total is not None and self.rawType is None
        given = self.raw is not None and self.rawType is not None and not (self.good or self.bad or self.total)
        if given == (counted and self.raw is None):
            raise ValueError("either total with good or bad, or raw with rawType")
        return self


class IndicatorSpec(Strict):
    description: Description = ""
    thresholdMetric: Metric | None = None  # noqa: N815
    ratioMetric: RatioMetric | None = None  # noqa: N815

    @model_validator(mode="after")
    def _one(self) -> IndicatorSpec:
        if self.thresholdMetric is not None and self.ratioMetric is not None:
            raise ValueError("either thresholdMetric or ratioMetric")
        return self


class InlineIndicator(Strict):
    metadata: Shown
    spec: IndicatorSpec = IndicatorSpec()


class CalendarStart(Strict):
    startTime: Annotated[str, BeforeValidator(_local_time)]  # noqa: N815
    timeZone: Annotated[str, AfterValidator(_zone)]  # noqa: N815


class TimeWindow(Strict):
    duration: Shorthand
    calendar: CalendarStart | None = None
    isRolling: bool | None = None  # noqa: N815

    @model_validator(mode="after")
    def _length(self) -> TimeWindow:
        rolling = self.calendar is None if self.isRolling is None else self.isRolling
        if rolling != (self.calendar is None):
            raise ValueError("@isRolling true without a calendar, false with one")
        unit = self.duration[-1]
        if rolling and unit not in _SECONDS:
            raise ValueError(
                "@duration whole hours from 1h to 366d: a rolling window has a fixed length, 1M needs a calendar"
            )
        if not rolling and unit not in NOMINAL_DAYS:
            raise ValueError("@duration days, weeks, months, quarters or years for a calendar, such as 1M")
        if not timedelta(hours=1) <= self.span() <= LONGEST or self.span().total_seconds() % 3600:
            raise ValueError("@duration whole hours, from 1h to 366d")
        return self

    def as_calendar(self) -> Calendar | None:
        if self.calendar is None:
            return None
        return Calendar(self.duration[-1], int(self.duration[:-1]), self.calendar.startTime, self.calendar.timeZone)

    def span(self) -> timedelta:
        """Its length; of a calendar the nominal one, 30 days for a month."""
        calendar = self.as_calendar()
        return calendar.nominal if calendar is not None else delta(self.duration)


class Goal(Strict):
    displayName: str = Field(default="", max_length=120)  # noqa: N815
    op: Literal["lte", "lt", "gte", "gt"] | None = None
    value: Number | None = None
    target: Ratio | None = None
    targetPercent: Percent | None = None  # noqa: N815
    timeSliceTarget: SliceShare | None = None  # noqa: N815
    timeSliceWindow: Slice | None = None  # noqa: N815

    @model_validator(mode="after")
    def _one_target(self) -> Goal:
        if (self.target is None) == (self.targetPercent is None):
            raise ValueError("either target or targetPercent")
        return self

    def ratio(self) -> Decimal:
        found = self.target if self.target is not None else (self.targetPercent or Decimal(0)) / 100
        return found.normalize()

    def slice_seconds(self) -> int:
        return int(delta(self.timeSliceWindow or "1m").total_seconds())


class Burnrate(Strict):
    kind: Literal["burnrate"] = "burnrate"
    op: Literal["gt", "gte"] = "gt"
    threshold: Number
    lookbackWindow: Fixed  # noqa: N815
    alertAfter: Annotated[str, BeforeValidator(lambda value: value if value == "0m" else _fixed(value))] = "0m"  # noqa: N815


class ConditionSpec(Strict):
    description: Description = ""
    severity: str = Field(min_length=1)
    condition: Burnrate


class InlineCondition(Strict):
    kind: Literal["AlertCondition"] = "AlertCondition"
    metadata: Shown
    spec: ConditionSpec


class ConditionRef(Strict):
    conditionRef: str  # noqa: N815


class TargetSpec(Strict):
    description: Description = ""
    target: str = Field(min_length=1)


class InlineTarget(Strict):
    kind: Literal["AlertNotificationTarget"] = "AlertNotificationTarget"
    metadata: Shown
    spec: TargetSpec


class TargetRef(Strict):
    targetRef: str  # noqa: N815


_Condition = Annotated[InlineCondition | ConditionRef, Field(union_mode="left_to_right")]


class PolicySpec(Strict):
    description: Description = ""
    alertWhenNoData: bool = False  # noqa: N815
    alertWhenResolved: bool = True  # noqa: N815
    alertWhenBreaching: bool = True  # noqa: N815
    conditions: Annotated[list[_Condition], Field(min_length=1, max_length=1)]
    notificationTargets: list[Annotated[InlineTarget | TargetRef, Field(union_mode="left_to_right")]] = []  # noqa: N815


class InlinePolicy(Strict):
    kind: Literal["AlertPolicy"] = "AlertPolicy"
    metadata: Shown
    spec: PolicySpec


class PolicyRef(Strict):
    alertPolicyRef: str  # noqa: N815


class SloSpec(Strict):
    description: Description = ""
    service: str = Field(min_length=1)
    indicator: InlineIndicator | None = None
    indicatorRef: str = ""  # noqa: N815
    timeWindow: Annotated[list[TimeWindow], Field(min_length=1, max_length=1)]  # noqa: N815
    budgetingMethod: Literal["Occurrences", "Timeslices", "RatioTimeslices"]  # noqa: N815
    objectives: Annotated[list[Goal], Field(min_length=1)]
    alertPolicies: list[Annotated[str | InlinePolicy | PolicyRef, Field(union_mode="left_to_right")]] = []  # noqa: N815


class ServiceSpec(Strict):
    description: Description = ""


class SourceSpec(Strict):
    description: Description = ""
    type: str = Field(min_length=1)
    connectionDetails: Any = None  # noqa: N815


class Object(Strict):
    apiVersion: Literal["openslo/v1"]  # noqa: N815
    metadata: Metadata


class SloDocument(Object):
    kind: Literal["SLO"]
    spec: SloSpec


class SliDocument(Object):
    kind: Literal["SLI"]
    spec: IndicatorSpec = IndicatorSpec()


class ServiceDocument(Object):
    kind: Literal["Service"]
    spec: ServiceSpec = ServiceSpec()


class SourceDocument(Object):
    kind: Literal["DataSource"]
    spec: SourceSpec


class PolicyDocument(Object):
    kind: Literal["AlertPolicy"]
    spec: PolicySpec


class ConditionDocument(Object):
    kind: Literal["AlertCondition"]
    spec: ConditionSpec


class TargetDocument(Object):
    kind: Literal["AlertNotificationTarget"]
    spec: TargetSpec


KINDS: Mapping[str, type[Object]] = {
    "SLO": SloDocument,
    "SLI": SliDocument,
    "Service": ServiceDocument,
    "DataSource": SourceDocument,
    "AlertPolicy": PolicyDocument,
    "AlertCondition": ConditionDocument,
    "AlertNotificationTarget": TargetDocument,
}
