"""What a person fills in for another threshold of a service."""

from __future__ import annotations

from django import forms

from observability.core.models import Organisation
from sloengine.catalog.models import Service


class OverrideForm(forms.Form):
    service = forms.ModelChoiceField(queryset=Service.objects.none(), label="Service")
    place = forms.CharField(max_length=100, label="Question or leaf of the tree, such as where")
    was = forms.CharField(max_length=200, label="Its threshold, such as inter_token_factor > 2 x")
    becomes = forms.CharField(max_length=200, label="What holds for this service, such as inter_token_factor > 3 x")
    note = forms.CharField(max_length=300, required=False, label="Why")

    def __init__(self, *args: object, organisation: Organisation, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as Django's own
        services = Service.objects.filter(organisation=organisation)
        self.fields["service"] = forms.ModelChoiceField(queryset=services, label="Service")
