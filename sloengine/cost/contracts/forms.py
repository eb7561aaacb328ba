"""What a person fills in for a contract, and to close a review. What fits is for `terms` to say."""

from __future__ import annotations

from typing import Any

from django import forms

from sloengine.cost.contracts import terms
from sloengine.cost.contracts.models import Contract
from sloengine.cost.contracts.terms import BadContract, Period

_LABELS = {
    "name": "Name, as it is said",
    "starts_on": "First day of the term",
    "ends_on": "Last day of the term",
    "period": "The commitment counts a",
    "commitment_tokens": "Commitment, tokens a period",
    "rate": "Money per 1,000 tokens, up to the commitment",
    "overage_rate": "Money per 1,000 tokens, up to the cap",
    "overage_cap_ratio": "Cap: share of the commitment above it, such as 0.10",
    "rate_beyond": "Money per 1,000 tokens, beyond the cap",
    "shortfall_paid": "What is not used is paid",
    "currency": "Currency",
    "owner": "Owner, who answers for it (username)",
    "country": "Country whose holidays move due dates, such as DE",
    "zone": "Time zone, such as Europe/Paris",
    "services": "Services, with commas (empty: all)",
    "token_classes": "Token classes that count, with commas (empty: all)",
    "carried_tokens": "Tokens used before they were counted here",
    "counted_from": "Counted here from (empty: the first day)",
}
_DEFAULTS = {
    "period": "year", "overage_cap_ratio": "0.10", "currency": "USD", "zone": "UTC", "carried_tokens": "0", "shortfall_paid": "true",
}  # fmt: skip
_DAYS = ("starts_on", "ends_on", "counted_from")


class ContractForm(forms.Form):
    """One text a field of `terms.EXPECTED`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in terms.EXPECTED:
            self.fields[name] = self._field(name)

    @staticmethod
    def _field(name: str) -> forms.Field:
        common: dict[str, Any] = {"required": False, "label": _LABELS[name], "initial": _DEFAULTS.get(name)}
        if name == "period":
            return forms.ChoiceField(choices=[(one.value, one.value) for one in Period], **common)
        if name == "shortfall_paid":
            return forms.ChoiceField(choices=[("true", "yes"), ("false", "no")], **common)
        widget = forms.DateInput(attrs={"type": "date"}) if name in _DAYS else forms.TextInput()
        return forms.CharField(max_length=1000, widget=widget, **common)

    @property
    def given(self) -> dict[str, str]:
        return {name: str(self.cleaned_data.get(name, "")) for name in terms.EXPECTED}

    def refuse(self, problem: BadContract) -> None:
        """Each problem at its field; what concerns the whole on top."""
        for line in problem.problems:
            name, _, rest = line.partition(": ")
            self.add_error(name if name in self.fields else None, rest if name in self.fields else line)


def filled(contract: Contract) -> ContractForm:
    """The form with the terms that a contract has."""
    found = {name: getattr(contract.terms, name) for name in terms.EXPECTED}
    texts = {
        name: ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
        for name, value in found.items()
    }
    return ContractForm(initial={**texts, "shortfall_paid": str(contract.shortfall_paid).lower()})
