"""What a person fills in for an integration."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from incidents.ingest.models import Integration
from observability.core.models import Organisation
from sloengine.catalog.models import Service

URGENCIES = (("page", "page someone"), ("ticket", "a ticket"), ("info", "information"))


class OptionsForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name")
    default_urgency = forms.ChoiceField(choices=URGENCIES, label="An alert without a severity is")
    service = forms.ChoiceField(required=False, label="An alert that names no service concerns")
    expect_seconds = forms.IntegerField(
        required=False, label="Something comes at least every ... seconds (empty: no matter)"
    )
    expect_alert = forms.CharField(
        required=False, max_length=200, label="Which alert that must be, such as Watchdog (empty: anything)"
    )
    secret = forms.CharField(required=False, max_length=500, label="Signing secret of the sender (empty: as it is)")
    timestamp_header = forms.CharField(required=False, max_length=100, label="Grafana's timestamp header, if set there")
    whole_groups = forms.BooleanField(required=False, label="One incident for each group of the sender")
    mapping = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 5}), label="Generic JSON: field paths, as JSON"
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.services = {row.slug: row for row in Service.objects.filter(organisation=organisation)}
        self.fields["service"] = forms.ChoiceField(
            choices=[("", "none"), *((slug, row.name) for slug, row in self.services.items())],
            required=False,
            label="An alert that names no service concerns",
        )

    def clean_mapping(self) -> dict[str, Any]:
        try:
            found = json.loads(self.cleaned_data["mapping"] or "{}")
        except json.JSONDecodeError as error:
            raise ValidationError(f"expected a JSON object ({error})") from None
        if not isinstance(found, dict):
            raise ValidationError("expected a JSON object")
        return found

    def options(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        given["service"] = self.services.get(given["service"])
        given.pop("kind", None)
        return given


class NewForm(OptionsForm):
    kind = forms.ChoiceField(choices=Integration.Kind.choices, label="Sender")
    field_order = ("kind", "name")


def initial(integration: Integration) -> dict[str, Any]:
    """What the form shows of an integration; its secret is never shown."""
    names = ("name", "default_urgency", "expect_seconds", "expect_alert", "timestamp_header", "whole_groups")
    return {
        **{name: getattr(integration, name) for name in names},
        "service": integration.service.slug if integration.service is not None else "",
        "mapping": json.dumps(integration.mapping, indent=2) if integration.mapping else "",
    }
