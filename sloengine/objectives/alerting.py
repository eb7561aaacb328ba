"""OpenSLO AlertPolicies, inline or by name, to the engine's burn alerts. Pure.

A condition looks back over one window. Ours looks at a short one as well, a twelfth of the long (the SRE workbook's choice) or
what the annotation `tailwatch/short-window` says, so that it clears soon after the burn ends. Severities page, critical and sev1
page; any other makes a ticket. Who is woken is the service's escalation policy; notification targets are checked, not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from observability.core.documents import Problem
from sloengine.budgets.windows import table
from sloengine.objectives.documents import (
    ConditionDocument,
    ConditionRef,
    ConditionSpec,
    InlineCondition,
    InlinePolicy,
    Object,
    PolicyDocument,
    PolicyRef,
    PolicySpec,
    Shown,
    TargetRef,
    delta,
)
from sloengine.objectives.terms import BurnAlert, Terms
from sloengine.objectives.texts import Piece

SHORT = "tailwatch/short-window"
PAGES = frozenset({"page", "critical", "sev1"})
#: Tallies lie 30 s apart: a shorter window than two of them says nothing.
SHORTEST_SECONDS = 60
#: How long the signal may be absent where a policy asks to be told.
ABSENT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Alerts:
    """Resolves references among the objects that were read, and says what is missing."""

    objects: Mapping[str, Mapping[str, tuple[Object, Piece]]]
    piece: Piece
    problems: list[Problem]

    def names(self) -> tuple[str, ...]:
        return tuple(row[0] for row in table().rows)

    def policy(self, given: str | InlinePolicy | PolicyRef, path: str) -> PolicySpec | None:
        if isinstance(given, InlinePolicy):
            return given.spec
        name = given if isinstance(given, str) else given.alertPolicyRef
        found = self._named("AlertPolicy", name, path)
        return found.spec if isinstance(found, PolicyDocument) else None

    def of_policy(self, spec: PolicySpec, path: str) -> list[BurnAlert]:
        """Its burn alerts; none where it does not ask to be told of a breach."""
        for index, target in enumerate(spec.notificationTargets):
            if isinstance(target, TargetRef):
                self._named(
                    "AlertNotificationTarget", target.targetRef, f"{path}.notificationTargets[{index}].targetRef"
                )
        found = []
        for index, condition in enumerate(spec.conditions):
            alert = self._condition(condition, f"{path}.conditions[{index}]")
            if alert is not None:
                found.append(alert)
        return found if spec.alertWhenBreaching else []

    def _condition(self, given: InlineCondition | ConditionRef, path: str) -> BurnAlert | None:
        if isinstance(given, InlineCondition):
            return self._burn(given.metadata, given.spec, path)
        found = self._named("AlertCondition", given.conditionRef, f"{path}.conditionRef")
        if not isinstance(found, ConditionDocument):
            return None
        return self._burn(Shown(name=found.metadata.name, annotations=found.metadata.annotations), found.spec, path)

    def _burn(self, metadata: Shown, spec: ConditionSpec, path: str) -> BurnAlert | None:
        condition = spec.condition
        long = int(delta(condition.lookbackWindow).total_seconds())
        hold = 0 if condition.alertAfter == "0m" else int(delta(condition.alertAfter).total_seconds())
        try:
            short = (
                int(delta(metadata.annotations[SHORT]).total_seconds()) if SHORT in metadata.annotations else long // 12
            )
        except (KeyError, ValueError):
            short = 0
        short = max(short // 30 * 30, SHORTEST_SECONDS) if short else 0
        if condition.threshold <= 0:
            self._problem(f"{path}.spec.condition.threshold", condition.threshold, "a burn rate above 0")
        if not SHORTEST_SECONDS <= short <= long <= 28 * 86400:
            found = f"{condition.lookbackWindow} and {metadata.annotations.get(SHORT, 'a twelfth of it')}"
            self._problem(
                f"{path}.spec.condition.lookbackWindow", found, f"from 1m to 28d, and {SHORT} no longer than it"
            )
            return None
        factor, inclusive = float(condition.threshold), condition.op == "gte"
        return BurnAlert(metadata.name, _severity(spec.severity), long, short, factor, hold, inclusive)

    def _named(self, kind: str, name: str, path: str) -> Object | None:
        found = self.objects.get(kind, {}).get(name)
        if found is None:
            there = ", ".join(sorted(self.objects.get(kind, {}))) or "none"
            self._problem(path, name, f"the name of an {kind} of these documents ({there})")
            return None
        return found[0]

    def _problem(self, path: str, found: object, expected: str) -> None:
        self.problems.append(self.piece.problem(path, found, expected))


def alerting(
    terms: Terms, policies: Sequence[str | InlinePolicy | PolicyRef], known: Alerts, *, absent_said: bool = False
) -> Terms:
    """The terms with what the policies ask for; without a policy the shipped table holds. `absent_said`: how long a signal may be
    absent stands in the document, and holds for `alertWhenNoData` too."""
    if not policies:
        return terms
    found: list[BurnAlert] = []
    absent = False
    for index, given in enumerate(policies):
        path = f"spec.alertPolicies[{index}]"
        spec = known.policy(given, path)
        if spec is None:
            continue
        found += known.of_policy(spec, path)
        absent = absent or spec.alertWhenNoData
    names = [alert.name for alert in found]
    if len(set(names)) < len(names):
        known.problems.append(
            known.piece.problem("spec.alertPolicies", ", ".join(names), "conditions with names of their own")
        )
    chosen = replace(
        terms.alerting,
        enabled=terms.alerting.enabled and bool(found),
        alerts=tuple(sorted(found, key=lambda alert: (-alert.factor, alert.long_seconds))),
    )
    missing = (
        replace(terms.missing, absent_after_seconds=ABSENT_SECONDS) if absent and not absent_said else terms.missing
    )
    return replace(terms, alerting=chosen, missing=missing)


def _severity(text: str) -> Literal["page", "ticket"]:
    return "page" if text.lower() in PAGES else "ticket"
