"""What the on-call pages take: windows in the reader's zone, and a schedule as a document."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from django import forms
from django.core.exceptions import ValidationError

from incidents.oncall.document import ScheduleDocument, ScheduleInvalidError, parse
from incidents.oncall.schedule import OverrideKind
from incidents.oncall.walltime import instant

LARGEST_DOCUMENT = 200_000
KINDS = (
    (OverrideKind.COVER.value, "Takes over"),
    (OverrideKind.INSTEAD.value, "Stands in for one person"),
    (OverrideKind.SHADOW.value, "Shadows, is told too"),
)


class WindowForm(forms.Form):
    """A window typed as wall time of the reader's zone."""

    starts = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])
    ends = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])

    def __init__(self, *given: Any, zone: ZoneInfo, **named: Any) -> None:
        super().__init__(*given, **named)
        self._zone = zone

    def clean_starts(self) -> datetime:
        return self._instant("starts")

    def clean_ends(self) -> datetime:
        return self._instant("ends")

    def _instant(self, name: str) -> datetime:
        return instant(self.cleaned_data[name].replace(tzinfo=None), self._zone)


class OverrideForm(WindowForm):
    username = forms.CharField(max_length=150)
    kind = forms.ChoiceField(choices=KINDS)
    instead_of = forms.CharField(max_length=150, required=False)
    reason = forms.CharField(max_length=300, required=False)


class SwapForm(WindowForm):
    taker = forms.CharField(max_length=150, required=False)
    note = forms.CharField(max_length=300, required=False)


class ScheduleForm(forms.Form):
    """A schedule's name and its document, as YAML or JSON."""

    name = forms.CharField(max_length=200)
    document = forms.CharField(max_length=LARGEST_DOCUMENT)
    covers_always = forms.BooleanField(required=False)

    def clean_document(self) -> ScheduleDocument:
        try:
            return parse(yaml.safe_load(self.cleaned_data["document"]))
        except yaml.YAMLError as error:
            raise ValidationError(f"This is neither YAML nor JSON: {error}") from error
        except ScheduleInvalidError as error:
            raise ValidationError(list(error.problems)) from error


def said(form: forms.Form) -> str:
    """All that is wrong with a form, in one sentence a field."""
    return " ".join(f"{name}: {'; '.join(map(str, errors))}" for name, errors in form.errors.items())
