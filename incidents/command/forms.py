"""What a person fills in to declare an incident and to work it."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.response.severity import MEANING, Severity
from observability.core.models import Organisation
from sloengine.catalog.models import Service

MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class DeclareForm(forms.Form):
    title = forms.CharField(max_length=300, label="What is wrong, in one line")
    severity = forms.TypedChoiceField(
        choices=[(level.value, f"{level.name}. {MEANING[level]}") for level in Severity],
        coerce=lambda value: Severity(int(value)),
        widget=forms.RadioSelect,
        initial=Severity.SEV3.value,
        label="How bad; SEV1 and SEV2 page at once",
    )
    service = forms.ModelChoiceField(
        Service.objects.none(), required=False, empty_label="not known yet", label="Service"
    )
    impact_started_at = forms.DateTimeField(
        required=False, widget=MOMENT, label="Since when users are hurt, your time (empty: now)"
    )

    def __init__(self, data: Any, *, organisation: Organisation) -> None:
        super().__init__(data)
        services: Any = self.fields["service"]
        services.queryset = Service.objects.filter(organisation=organisation).order_by("slug")


class ImpactForm(forms.Form):
    at = forms.DateTimeField(widget=MOMENT)
