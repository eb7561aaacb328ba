"""What a person fills in for a budget. What fits is for `budget` to say."""

from __future__ import annotations

from typing import Any

from django import forms

from sloengine.cost.tenantbudgets import budget as rules
from sloengine.cost.tenantbudgets.budget import BadBudget, Scope
from sloengine.cost.tenantbudgets.models import SpendBudget


class BudgetForm(forms.Form):
    name = forms.CharField(max_length=200, required=False, label="Name")
    scope = forms.ChoiceField(choices=[(one.value, one.value) for one in Scope], required=False, label="Of a")
    who = forms.CharField(max_length=200, required=False, label="Which one")
    window = forms.CharField(
        max_length=10, required=False, initial="month", label="In a window of: month, or days such as 7d"
    )
    soft_usd = forms.CharField(max_length=20, required=False, label="Soft limit")
    hard_usd = forms.CharField(max_length=20, required=False, label="Hard limit")
    owner = forms.CharField(max_length=150, required=False, label="Owner, who is told (username)")

    @property
    def given(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def refuse(self, problem: BadBudget) -> None:
        for line in problem.problems:
            name, _, rest = line.partition(": ")
            self.add_error(name if name in self.fields else None, rest if name in self.fields else line)


def filled(row: SpendBudget) -> BudgetForm:
    initial = {name: getattr(row, name) for name in rules.EXPECTED if hasattr(row, name)}
    return BudgetForm(initial={**initial, "window": "month" if row.days is None else f"{row.days}d"})
